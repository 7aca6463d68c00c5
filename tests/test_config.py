"""The configuration: what it reads, what it refuses and with which words."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
import pytest

from bot.config import Config, Secret, TaskModels, cache_folder, load_config, masked, state_folder
from bot.config_example import config_toml, example_toml
from bot.errors import OperatorError
from bot.tables import described, fields_of
from bot.tasks.registry import REQUESTS

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_committed_example_is_what_the_code_makes() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example_toml()


def test_the_example_loads_to_exactly_the_defaults() -> None:
    assert load_config(EXAMPLE, {}) == Config()


def test_the_example_explains_every_key() -> None:
    for table in fields_of(msgspec.inspect.type_info(Config)):
        assert described(table)
        for field in fields_of(table.type):
            assert described(field), field.name
            assert f"{field.name}" in example_toml()


def test_the_models_keys_in_the_example_are_toml_once_uncommented(tmp_path: Path) -> None:
    head, _, shown = example_toml().partition("# [[model]]\n")
    table = shown.partition("#\n")[0].replace("# ", "")
    config = load_config(write(tmp_path, f"{head}\n[[model]]\n{table}"), {})
    assert [model.id for model in config.model] == ["my-model"]


def test_there_is_a_default_for_every_task() -> None:
    assert set(TaskModels.__struct_fields__) == set(REQUESTS)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}) == Config()


def test_config_toml_in_the_working_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "[inference]\nqueue_size = 7\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}).inference.queue_size == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[inferense]\n", "inferense: there is no such key. Did you mean 'inference'?"),
        (
            "[inference]\nwrokers = 2\n",
            "[inference] wrokers: there is no such key. Did you mean 'workers'?",
        ),
        ("[inference]\nzzz = 2\n", "[inference] zzz: there is no such key."),
        (
            '[inference]\nworkers = "two"\n',
            "[inference] workers: it must be a whole number, 0 or more, not 'two'.",
        ),
        (
            "[inference]\nqueue_size = 0\n",
            "[inference] queue_size: it must be a whole number, 1 or more, not 0.",
        ),
        (
            "[inference]\ndrain_s = -1.5\n",
            "[inference] drain_s: it must be a number, 0 or more, not -1.5.",
        ),
        (
            "[inference]\npreload = [1]\n",
            "[inference] preload, item 1: it must be a text, not 1.",
        ),
        (
            '[inference]\npreload = "gpt2"\n',
            "[inference] preload: it must be a list, each item a text, not 'gpt2'.",
        ),
        (
            "[metrics]\nport = 70000\n",
            "[metrics] port: it must be a whole number from 0 to 65535, not 70000.",
        ),
        ("[metrics]\nhost = true\n", "[metrics] host: it must be a text, not true."),
        (
            '[log]\nlevel = "infos"\n',
            '[log] level: it must be one of "debug", "error", "info", "warning", '
            "not 'infos'. Did you mean 'info'?",
        ),
        ("log = 3\n", "log: it must be a table, not 3."),
        ("[log]\nlevel = 2020-01-01\n", "not a date or time."),
        ("model = 3\n", "model: each model is a table of its own, headed [[model]]."),
        ("[model]\nid = 'a'\n", "model: each model is a table of its own, headed [[model]]."),
        (
            "[defaults]\nasks = 'gpt2'\n",
            "[defaults] asks: there is no such key. Did you mean 'ask'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_table_key_and_wanted_type(
    tmp_path: Path, text: str, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(OperatorError) as caught:
        load_config(path, {})
    assert str(caught.value).startswith(f"{path}, ")
    assert said in str(caught.value)


def test_broken_toml_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[log]\nlevel = \n")
    with pytest.raises(OperatorError, match=r"config\.toml: this is not TOML: .*line 2"):
        load_config(path, {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OperatorError, match="not UTF-8"):
        load_config(path, {})


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="there is no such file"):
        load_config(tmp_path / "nowhere.toml", {})


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        load_config(tmp_path, {})


def test_the_token_of_the_environment_wins(tmp_path: Path) -> None:
    path = write(tmp_path, '[discord]\ntoken = "from-file"\n')
    assert load_config(path, {}).discord.token.reveal() == "from-file"
    assert load_config(path, {"DISCORD_TOKEN": " from-env\n"}).discord.token.reveal() == "from-env"


def test_the_token_is_never_printed(tmp_path: Path) -> None:
    config = load_config(None, {"DISCORD_TOKEN": "abc.def"})
    shown = (repr(config), str(config.discord), f"{config.discord.token}", config_toml(config))
    assert not any("abc.def" in text for text in shown)
    assert masked(config)["discord"]["token"] == "********"
    assert masked(Config())["discord"]["token"] == ""
    with pytest.raises(TypeError):
        msgspec.msgpack.encode(config)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(config.discord.token)


def test_a_token_of_the_wrong_type_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        load_config(write(tmp_path, "[discord]\ntoken = 123456\n"), {})
    assert "[discord] token: it must be a text, not a whole number." in str(caught.value)
    assert "123456" not in str(caught.value)


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret()


def test_a_configuration_printed_as_toml_reads_back(tmp_path: Path) -> None:
    text = '[inference]\nworkers = 3\npreload = ["gpt2"]\n[log]\nformat = "json"\n'
    config = load_config(write(tmp_path, text), {})
    assert load_config(write(tmp_path, config_toml(config)), {}) == config


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(1, 1, 1), (2, 2, 2), (8, 2, 8), (9, 2, 9)]
)
def test_workers_and_threads_follow_the_cores(cores: int, workers: int, threads: int) -> None:
    inference = Config().inference
    assert inference.chosen_workers(cores) == workers
    assert inference.chosen_threads(cores) == threads


def test_what_is_configured_wins_over_the_machine(tmp_path: Path) -> None:
    text = "[inference]\nworkers = 5\nthreads = 3\nmemory_budget_mb = 1234\n"
    inference = load_config(write(tmp_path, text), {}).inference
    assert inference.chosen_workers(2) == 5
    assert inference.chosen_threads(2) == 3
    assert inference.cores_to_lend() == 0
    assert Config().inference.cores_to_lend() >= 1
    assert inference.chosen_memory_mb() == 1234
    assert Config().inference.chosen_memory_mb() > 0


def test_the_environment_names_the_folders(tmp_path: Path) -> None:
    environ = {"MENAGERIE_STATE": str(tmp_path / "s"), "MENAGERIE_CACHE": str(tmp_path / "c")}
    assert state_folder(environ) == tmp_path / "s"
    assert cache_folder(environ) == tmp_path / "c"
    assert state_folder({}).name == "menagerie"
    assert cache_folder({}).name == "menagerie"
