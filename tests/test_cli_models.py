"""``models`` on the command line: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.catalogue.download import Fetching
from bot.cli_exit import exits
from bot.cli_models import _Bars, _bars, _Lines, models

CONFIG = """
[inference]
memory_budget_mb = 1000

[[model]]
id = "mine"
task = "complete"
family = "causal_lm"
checkpoint = "own"
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command line in a folder with a model of its own, fetched."""
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MENAGERIE_CACHE", str(tmp_path / "cache"))
    return CliRunner()


def test_list_shows_the_state_of_every_model(runner: CliRunner) -> None:
    result = runner.invoke(models, ["list", "--json"])
    states = {row["id"]: row["state"] for row in json.loads(result.stdout)}
    assert states["mine"] == "present"
    assert states["gpt2"] == "not fetched"
    assert states["ppocr"] in ("not fetched", "family not built yet")
    plain = runner.invoke(models, ["list"])
    assert plain.exit_code == 0
    assert plain.stdout.splitlines()[0].split() == ["ID", "TASKS", "SIZE", "STATE", "LICENCE"]
    assert "opt-66b" in plain.stdout


def test_show_tells_what_is_known_and_leaves_out_the_rest(runner: CliRunner) -> None:
    result = runner.invoke(models, ["show", "openai-community/gpt2"])
    assert result.exit_code == 0
    assert "params       124439808\n" in result.stdout
    assert "sha256" not in result.stdout
    facts = json.loads(runner.invoke(models, ["show", "gpt2", "--json"]).stdout)
    assert (facts["state"], facts["licence"]) == ("not fetched", "MIT")


def test_fetch_of_a_folder_names_it(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(models, ["fetch", "mine", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [{"id": "mine", "folder": str(tmp_path / "own")}]


def test_check_is_well_for_what_is_there_and_1_for_what_is_not(runner: CliRunner) -> None:
    assert runner.invoke(models, ["check", "mine"]).exit_code == 0
    result = runner.invoke(models, ["check", "gpt2", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"id": "gpt2", "faults": ["it is not fetched"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "gtp2"], "There is no model 'gtp2'. Did you mean 'gpt2'?"),
        (["fetch"], "Say which models"),
        (["fetch", "opt-1.3b"], "OPT 1.3B needs 5,264 MB of memory"),
        (["list", "--config", "none.toml"], "none.toml: there is no such file."),
    ],
)
def test_what_an_operator_can_mend_exits_with_2(
    runner: CliRunner, arguments: list[str], said: str
) -> None:
    result = runner.invoke(models, arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


STEPS = [
    Fetching("gpt2", "waiting"),
    Fetching("gpt2", "downloading", 0, 100),
    Fetching("gpt2", "downloading", 5, 100),
    Fetching("gpt2", "downloading", 55, 100),
    Fetching("gpt2", "converting", 3),
    Fetching("gpt2", "converting", 9),
]


def test_without_a_terminal_progress_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines()
    for step in STEPS:
        lines(step)
    assert capsys.readouterr().err.splitlines() == [
        "gpt2: waiting",
        "gpt2: downloading 0 %",
        "gpt2: downloading 50 %",
        "gpt2: converting",
    ]


def test_on_a_terminal_progress_is_one_bar_at_a_time() -> None:
    progress = _bars()
    bars = _Bars(progress)
    for step in STEPS:
        bars(step)
    assert [(task.description, task.completed) for task in progress.tasks] == [
        ("gpt2 converting", 9)
    ]


def test_an_interrupted_command_says_so_and_exits_with_130(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @exits
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        interrupted()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"
