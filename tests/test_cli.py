"""The command line as a person meets it: real processes, their words and their exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from bot.doctor import Finding, show

ROOT = Path(__file__).parents[1]
TOYS = ROOT / "tests" / "toy_families"
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.abcdefghijklmnopqrstuvwxyz0123"
CONFIG = f"""
[discord]
token = "{TOKEN}"

[inference]
threads = 1

[[model]]
id = "echo"
task = "complete"
family = "toy_echo"
checkpoint = "weights"
"""

Bot = Callable[..., "subprocess.CompletedProcess[str]"]
Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where commands are given: a configuration with a toy model, beside its weights."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def begin(folder: Path, starters: Path) -> Begin:
    """Begin ``python -m bot ARGUMENTS`` in the folder; ``variables`` change its environment."""

    def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
        environ = {
            **{k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"},
            "PYTHONPATH": str(ROOT),
            "MENAGERIE_CACHE": str(starters),
            "MENAGERIE_STATE": str(folder / "state"),
            "MENAGERIE_FAMILIES": str(TOYS),
            **variables,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *map(str, arguments)],
            cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


@pytest.fixture
def bot(begin: Begin) -> Bot:
    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        with begin(*arguments, **variables) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run


def lines(*arguments: object) -> Any:
    return pytest.param(arguments[:-1], arguments[-1], id=" ".join(map(str, arguments[:3])))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        lines("complet", "There is no task 'complet'. Did you mean 'complete'? Tasks: complete,"),
        lines("complete", "--set", "promt=x", "/complete has no 'promt'. Did you mean 'prompt'?"),
        lines("complete", "--set", "prompt", "--set 'prompt' is not of the form key=value."),
        lines("complete", "--set", "max_tokens=many", "--text", "x", "/complete: Expected `int"),
        lines("complete", "--set", "seed=-1", "--text", "x", "a whole number from 0 to 2^32 - 1."),
        lines("complete", "/complete: Object missing required field `prompt`."),
        lines("complete", "--text", "a", "--text", "b", "--text was given 2 times; 1 is the most."),
        lines("ocr", "--file", "none.png", "No such file or directory: 'none.png'."),
        lines("ocr", "--file", "weights", "Is a directory: 'weights'."),
        lines(
            "complete", "--text", "x", "--model", "ecko", "no model 'ecko'. Did you mean 'echo'?"
        ),
        lines("complete", "--text", "x", "--model", "ppocr", "'ppocr' cannot do 'complete'."),
        lines("complete", "--text", "x", "--out", "no/x.png", "no/x.png: there is no such folder."),
        lines("complete", "--text", "x", "--config", "no.toml", "no.toml: there is no such file."),
    ],
)
def test_an_operators_mistake_ends_with_2_and_says_what_it_is(
    arguments: tuple[str, ...], said: str, bot: Bot
) -> None:
    done = bot("ask", *arguments)
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[inferense]", "there is no such key. Did you mean 'inference'?"),
        ('[defaults]\ncomplete = "gtp2"', "There is no model 'gtp2'. Did you mean 'gpt2'?"),
        ('[defaults]\nocr = "gpt2"', "'gpt2' cannot do 'ocr'."),
        ("[inference", "config.toml: this is not TOML"),
    ],
)
def test_a_faulty_configuration_ends_with_2(table: str, said: str, bot: Bot, folder: Path) -> None:
    (folder / "config.toml").write_text(table)
    done = bot("ask", "complete", "--text", "x")
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("fail", "The model failed: ValueError: a fault in the family"),
        ("refuse", "This is not for me. Ask another."),
        ("x" * 9000, "The prompt has 9,000 characters; echo takes at most 8,000."),
    ],
    ids=["fault", "refused by the model", "refused by the service"],
)
def test_a_job_without_an_answer_ends_with_1_and_says_why(
    prompt: str, said: str, bot: Bot, folder: Path
) -> None:
    done = bot("ask", "complete", "--model", "echo", "--text", prompt)
    assert said in done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (1, "")


COMMANDS = [("run", "--playground", "--port", "0"), ("ask", "complete", "--text", "x"), ("doctor",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_state_folder_that_cannot_be_written_ends_with_2(
    command: tuple[str, ...], bot: Bot
) -> None:
    done = bot(*command, MENAGERIE_STATE="/dev/null/x")
    assert "/dev/null/x" in done.stdout + done.stderr
    assert "MENAGERIE_STATE" in done.stdout + done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_store_that_is_no_database_ends_with_2(
    command: tuple[str, ...], bot: Bot, folder: Path
) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "menagerie.db").write_text("no database at all " * 100)
    done = bot(*command)
    assert f"{folder / 'state' / 'menagerie.db'} cannot be" in done.stdout + done.stderr
    assert "file is not a database" in done.stdout + done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_store_of_a_newer_version_ends_with_2(bot: Bot, folder: Path) -> None:
    (folder / "state").mkdir()
    with contextlib.closing(sqlite3.connect(folder / "state" / "menagerie.db")) as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        db.execute("INSERT INTO alembic_version VALUES ('9999')")
        db.commit()
    done = bot("ask", "complete", "--text", "x")
    assert "menagerie.db cannot be opened (Can't locate revision" in done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_here_ends_with_1(bot: Bot) -> None:
    done = bot("ask", "complete", "--model", "gpt2", "--text", "x")
    assert "python -m bot models fetch gpt2" in done.stderr
    assert done.returncode == 1


def test_an_answer_ends_with_0_and_the_token_goes_nowhere(bot: Bot, folder: Path) -> None:
    arguments = ("ask", "complete", "--model", "echo", "--text", "environment")
    done = bot(*arguments, DISCORD_TOKEN="x" + TOKEN)
    assert done.returncode == 0
    assert done.stdout.startswith("echo: ")
    assert "MENAGERIE_FAMILIES=" in done.stdout
    assert "DISCORD_TOKEN" not in done.stdout
    kept = "".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))
    assert TOKEN not in done.stdout + done.stderr + kept


@pytest.mark.slow
def test_the_same_seed_completes_a_text_the_same_way_in_another_process(begin: Begin) -> None:
    arguments = ("ask", "complete", "--model", "smollm2", "--text", "Once upon a time", "--json")
    options = ("--set", "seed=5", "--set", "max_tokens=8", "--set", "temperature=1.0")
    processes = [begin(*arguments, *options) for _ in range(2)]
    answers = []
    for process in processes:
        with process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        answers.append(json.loads(out))
    first, second = answers
    assert (first["task"], first["model"], first["seed"]) == (
        "complete", "smollm2-135m-instruct", 5
    )  # fmt: skip
    assert first["result"]["text"].startswith("Once upon a time")
    assert 0 < first["result"]["tokens"] <= 8
    assert first["timings"]["run_s"] > 0
    assert first["timings"]["queued_s"] >= 0
    assert second["result"] == first["result"]


@pytest.fixture
def drawn(folder: Path) -> Path:
    """A picture with a word in it."""
    picture = Image.new("RGB", (240, 96), "white")
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text((20, 16), "HELLO", fill="black", font=font)
    picture.save(folder / "drawn.png")
    return folder / "drawn.png"


def test_a_picture_is_restyled_into_a_file_of_the_same_size(bot: Bot, drawn: Path) -> None:
    done = bot("ask", "restyle", "--file", "drawn.png", "--out", "out.png")
    assert (done.returncode, done.stdout) == (0, "out.png\n"), done.stderr
    painted, original = Image.open(drawn.with_name("out.png")), Image.open(drawn)
    assert painted.format == "PNG"
    assert painted.size == original.size
    assert painted.convert("RGB").tobytes() != original.tobytes()


def test_the_text_in_a_picture_is_read(bot: Bot, drawn: Path) -> None:
    done = bot("ask", "ocr", "--file", drawn)
    assert (done.returncode, done.stdout) == (0, "HELLO\n"), done.stderr


@pytest.mark.parametrize("out", [(), ("--out", "numbered.png")])
def test_the_text_comes_numbered_with_the_numbered_picture(
    out: tuple[str, ...], bot: Bot, drawn: Path, folder: Path
) -> None:
    done = bot("ask", "ocr", "--file", drawn, "--set", "overlay=true", *out)
    assert done.returncode == 0, done.stderr
    text, path = done.stdout.splitlines()
    assert text == "1 HELLO"
    assert path == "numbered.png" or not out
    with Image.open(folder / path) as numbered, Image.open(drawn) as original:
        assert numbered.width > original.width


def test_a_numbered_picture_is_described_in_json(bot: Bot, drawn: Path, folder: Path) -> None:
    arguments = ("ask", "ocr", "--file", drawn, "--set", "overlay=1", "--out", "n.png", "--json")
    found = json.loads(bot(*arguments).stdout)["result"]
    assert [line["text"] for line in found["lines"]] == ["HELLO"]
    overlay = found["overlay"]
    assert (overlay["data"], overlay["path"]) == (None, "n.png")
    assert overlay["alt_text"].endswith("numbered from 1 to 1.")
    with Image.open(folder / "n.png") as numbered:
        assert numbered.size == (overlay["width"], overlay["height"])


def test_the_configuration_is_shown_without_its_token(bot: Bot) -> None:
    for arguments in (["config"], ["config", "--json"]):
        done = bot(*arguments)
        assert done.returncode == 0
        assert "********" in done.stdout
        assert TOKEN not in done.stdout + done.stderr
    assert json.loads(done.stdout)["discord"]["token"] == "********"


def test_the_example_in_the_repository_is_what_is_printed(bot: Bot) -> None:
    assert bot("config", "--example").stdout == (ROOT / "config.example.toml").read_text()


def test_the_doctor_tells_machines_what_it_found(bot: Bot, folder: Path) -> None:
    done = bot("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert all(set(f) == {"subject", "state", "text"} for f in findings.values())
    assert findings["/ocr"] == {"subject": "/ocr", "state": "good", "text": "ppocr"}
    assert findings["/complete"]["text"] == "echo, smollm2-135m-instruct"
    assert str(folder / "state") in findings["state folder"]["text"]
    assert findings["workers"]["state"] == "good"
    assert findings["token"]["state"] == "good"
    assert TOKEN not in done.stdout + done.stderr


def test_what_the_doctor_finds_bad_ends_with_1(bot: Bot) -> None:
    done = bot("doctor", "--json", DISCORD_TOKEN="123456789012345678")
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert findings["token"]["state"] == "bad"
    assert "123456789012345678" not in done.stdout + done.stderr


def test_the_doctor_tells_people_what_to_change_word_for_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([Finding("machine", "bad", "Lower [inference] memory_budget_mb.")], as_json=False)
    assert "Lower [inference] memory_budget_mb." in capsys.readouterr().out
