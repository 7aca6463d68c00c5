"""``models`` on the command line: what it prints and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.catalogue.download import Fetching
from bot.cli_exit import exits
from bot.cli_models import _Bars, _bars, _Lines, models
from bot.trials.measured import read

ROOT = Path(__file__).parents[1]

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


def test_list_tells_what_is_too_big_and_what_is_to_be_accepted(runner: CliRunner) -> None:
    result = runner.invoke(models, ["list", "--json"])
    states = {row["id"]: row["state"] for row in json.loads(result.stdout)}
    assert states["opt-13b"] == "too big"
    assert states["opt-125m"] == "licence not accepted"
    assert states["mt5-base"] == "not fetched"


def test_show_tells_the_status_with_its_reason(runner: CliRunner) -> None:
    plain = runner.invoke(models, ["show", "mt5-base"]).stdout
    assert "status       needs-finetune\n" in plain
    assert "reason       it was only pre-trained, to fill holes." in plain
    assert "acknowledge  opt\n" in runner.invoke(models, ["show", "opt-125m"]).stdout


def hand_over(folder: Path) -> Path:
    """Write what somebody might bring of OPT 125M: enough to be looked at."""
    import torch
    from transformers import OPTConfig, OPTForCausalLM

    small = {"hidden_size": 16, "ffn_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    net = OPTForCausalLM(OPTConfig(vocab_size=20, word_embed_proj_dim=16, **small))
    net.config.architectures = ["OPTForCausalLM"]
    net.config.save_pretrained(folder)
    torch.save(net.half().state_dict(), folder / "pytorch_model.bin")
    return folder


def test_a_licence_is_accepted_once_and_the_manifest_remembers(
    runner: CliRunner, tmp_path: Path
) -> None:
    folder = hand_over(tmp_path / "brought")
    brought = ["fetch", "opt-125m", "--from", str(folder)]
    refused = runner.invoke(models, brought)
    assert (refused.exit_code, "--accept-licence" in refused.stderr) == (2, True)
    assert not (tmp_path / "cache" / "checkpoints" / "opt-125m").exists()
    result = runner.invoke(models, [*brought, "--accept-licence", "--json"])
    assert result.exit_code == 0, result.stderr
    manifest = json.loads((tmp_path / "cache/checkpoints/opt-125m/manifest.json").read_text())
    assert manifest["accepted"] == "opt"
    assert runner.invoke(models, ["fetch", "opt-125m"]).exit_code == 0
    rows = json.loads(runner.invoke(models, ["list", "--json"]).stdout)
    assert {row["id"]: row["state"] for row in rows}["opt-125m"] == "present"
    assert {row["id"]: row["state"] for row in rows}["opt-350m"] == "licence not accepted"


def test_a_licence_may_be_accepted_after_the_files_have_come(
    runner: CliRunner, tmp_path: Path
) -> None:
    folder = hand_over(tmp_path / "brought")
    config = tmp_path / "config.toml"
    plain = config.read_text()
    config.write_text(plain + '\n[licences]\naccepted = ["opt"]\n')
    assert runner.invoke(models, ["fetch", "opt-125m", "--from", str(folder)]).exit_code == 0
    config.write_text(plain)
    assert runner.invoke(models, ["fetch", "opt-125m"]).exit_code == 2
    assert runner.invoke(models, ["fetch", "opt-125m", "--accept-licence"]).exit_code == 0
    assert runner.invoke(models, ["fetch", "opt-125m"]).exit_code == 0


def test_the_licence_of_a_folder_is_accepted_in_the_configuration(
    runner: CliRunner, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + '[[model]]\nid = "opt-125m"\ncheckpoint = "own"\n')
    result = runner.invoke(models, ["fetch", "opt-125m", "--accept-licence"])
    assert result.exit_code == 2
    assert (
        'Accept its licence in config.toml, table [licences]: accepted = ["opt"]' in result.stderr
    )


def test_an_unknown_licence_in_the_configuration_is_named(
    runner: CliRunner, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + '\n[licences]\naccepted = ["otp"]\n')
    result = runner.invoke(models, ["list"])
    assert result.exit_code == 2
    assert "Did you mean 'opt'?" in result.stderr


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
        (["fetch", "bart-large-cnn", "mt5-base"], "mT5 base needs 1,165 MB of memory"),
        (["fetch", "opt-13b"], "OPT 13B is too big: a processor reads all 26 GB"),
        (["fetch", "opt-13b"], 'write status = "ok" into its table in config.toml'),
        (["fetch", "opt-125m"], "OPT 125M is only for those who accept its licence: OPT-175B"),
        (["fetch", "gpt2", "distilgpt2", "--from", "x"], "--from is a folder of one model's files"),
        (["fetch", "gpt2", "--from", "nowhere"], "--from nowhere: there is no such folder."),
        (["fetch", "mine", "--from", "own"], "'mine' is used in"),
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "Say which model"),
        (["check", "--synthetic"], "Say which models, or --all"),
        (["check", "gpt2", "--all"], "Say which models, or --all"),
        (["check", "mine", "--synthetic"], "mine is not of the hub"),
        (["check", "opt-2.7b", "--synthetic"], "Add --large if you mean it"),
        (["check", "gpt2", "--synthetic", "--record", "no/such/file"], "there is no such folder"),
    ],
)
def test_a_trial_that_cannot_be_says_what_to_do(
    runner: CliRunner, arguments: list[str], said: str
) -> None:
    (Path.cwd() / "config.toml").write_text(CONFIG.replace("1000", "20000"))
    result = runner.invoke(models, arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_model_is_tried_out_without_a_hub_and_without_touching_the_cache(
    tmp_path: Path,
) -> None:
    cache, record = tmp_path / "cache", tmp_path / "measured.toml"
    arguments = ["check", "bst", "--synthetic", "--json", "--record", str(record)]
    done = subprocess.run(
        [sys.executable, "-m", "bot", "models", *arguments, "--threads", "1"],
        cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "MENAGERIE_CACHE": str(cache), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert told["id"] == "recommender-transformers"
    assert told["job"][0]["best_s"] > 0
    assert "converting" in done.stderr
    assert not cache.exists()
    assert list(read(record)) == ["recommender-transformers"]


STEPS = [
    Fetching("gpt2", "waiting"),
    Fetching("gpt2", "downloading", 0, 100),
    Fetching("gpt2", "downloading", 5, 100),
    Fetching("gpt2", "downloading", 55, 100),
    Fetching("gpt2", "converting", 3),
    Fetching("gpt2", "converting", 9),
    Fetching("gpt2", "training", step=100, steps=1200),
    Fetching("gpt2", "training", step=900, steps=1200),
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
        "gpt2: training 0 %",
        "gpt2: training 70 %",
    ]


def test_on_a_terminal_progress_is_one_bar_at_a_time() -> None:
    progress = _bars()
    bars = _Bars(progress)
    for step in STEPS:
        bars(step)
    (task,) = progress.tasks
    assert (task.description, task.completed, task.total) == ("gpt2 training", 900, 1200)
    assert task.fields["amount"] == "step 900/1,200"


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
