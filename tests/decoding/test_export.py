"""Prepared folders: what is refused, what is kept, what is chosen, what is opened."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import MistralConfig, Qwen2Config

from bot.decoding.export import build, measure, prepared
from bot.decoding.export.build import export
from bot.decoding.export.graph import NotExportable, refuse_strange
from bot.decoding.export.opening import open_prepared
from bot.decoding.export.sample import TEXT
from bot.decoding.paged import capabilities, ops, ov  # it keeps OpenVINO quiet
from bot.decoding.selftest import SelfTestFailed
from tests.decoding.architectures import CONFIGS, net_of

WINDOW = 512
WORDS = 97
SOURCE = "a checkpoint"
SAMPLE = [random.Random(1).randrange(6, WORDS) for _ in range(400)]
HALF = ["bfloat16"] if "BF16" in capabilities() else []
NAMES = ["float32", *HALF, "int8"]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


def exported(net: Any, folder: Path, *, window: int = WINDOW, source: str = SOURCE) -> None:
    export(net, folder, SAMPLE, source=source, window=window, threads=1, seconds=0.02)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared folder; it is only read."""
    folder = tmp_path_factory.mktemp("prepared") / "deep" / "llama"
    exported(net_of("llama"), folder)
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """Return a prepared folder that may be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def held(folder: Path) -> prepared.Prepared:
    found = prepared.read(folder)
    assert found is not None
    return found


def test_a_folder_says_what_was_measured_and_lies_alone(made: Path) -> None:
    found = held(made)
    assert list(found.variants) == NAMES
    assert [path.name for path in made.parent.iterdir()] == ["llama"]
    assert {path.name for path in made.iterdir()} == {
        "float32.xml", "float32.bin", "int8.xml", "int8.bin", "prepared.json",
    }  # fmt: skip
    assert found.variants["float32"].error < 1e-4
    assert found.variants["float32"].perplexity == pytest.approx(found.perplexity, rel=1e-4)
    for variant in found.variants.values():
        assert variant.alone > 0
        assert variant.crowd > 0
        assert variant.error < variant.margin
    assert [len(reference.prompt) for reference in found.references] == [9, 70]


@pytest.mark.parametrize("name", ["auto", *NAMES])
def test_every_variant_opens_and_reads(made: Path, name: str) -> None:
    runtime = open_prepared(made, name, threads=1, slots=2)
    assert runtime.extend(0, SAMPLE[:5]).shape == (WORDS,)
    assert runtime.step([0], [7]).shape == (1, WORDS)


def test_the_fastest_that_reads_well_is_chosen(copy: Path) -> None:
    found = held(copy)

    def rewritten(crowds: dict[str, float], rises: dict[str, float]) -> None:
        variants = {
            name: msgspec.structs.replace(
                variant, crowd=crowds[name], perplexity=found.perplexity * rises[name]
            )
            for name, variant in found.variants.items()
        }
        prepared.write(copy, msgspec.structs.replace(found, variants=variants))

    crowds = {"float32": 10.0, "bfloat16": 20.0, "int8": 30.0}
    rewritten(crowds, {"float32": 1.0, "bfloat16": 1.0, "int8": 1.009})
    assert prepared.choose(copy, "auto") == "int8"
    rewritten(crowds, {"float32": 1.0, "bfloat16": 1.02, "int8": 1.02})
    assert prepared.choose(copy, "auto") == "float32"
    assert prepared.choose(copy, "int8") == "int8"  # who names one shall have it
    rewritten(crowds, dict.fromkeys(crowds, 1.02))
    with pytest.raises(LookupError, match="reads as well"):
        prepared.choose(copy, "auto")


def test_what_is_not_there_is_not_chosen(made: Path, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="float16"):
        prepared.choose(made, "float16")
    with pytest.raises(LookupError, match="not a prepared folder"):
        prepared.choose(tmp_path, "auto")
    (tmp_path / "prepared.json").write_text('{"format": 1}')
    assert prepared.read(tmp_path) is None


def test_a_folder_ages_with_its_source_its_makers_and_its_machine(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepared.is_current(copy, SOURCE)
    assert not prepared.is_current(copy, "another checkpoint")
    assert not prepared.is_current(copy / "nowhere", SOURCE)
    for name, value in (("versions", dict), ("machine", str)):
        with monkeypatch.context() as patch:
            patch.setattr(prepared, name, value)
            assert not prepared.is_current(copy, SOURCE)
    monkeypatch.setattr(prepared, "FORMAT", prepared.FORMAT + 1)
    assert not prepared.is_current(copy, SOURCE)


def test_a_fingerprint_follows_the_manifest_or_else_the_files(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"one")
    first = prepared.fingerprint(tmp_path)
    assert prepared.fingerprint(tmp_path) == first
    (tmp_path / "weights").write_bytes(b"other")
    second = prepared.fingerprint(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    third = prepared.fingerprint(tmp_path)
    (tmp_path / "weights").write_bytes(b"a third")
    assert prepared.fingerprint(tmp_path) == third
    assert len({first, second, third}) == 3


def test_spoilt_weights_fail_the_test_of_loading(copy: Path) -> None:
    file = copy / "float32.bin"
    weights = net_of("llama").model.layers[0].mlp.down_proj.weight
    true, spoilt = weights.numpy().tobytes(), (1.2 * weights).numpy().tobytes()
    assert true in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(true, spoilt))
    with pytest.raises(SelfTestFailed, match="spreads off"):
        open_prepared(copy, "float32", threads=1, slots=2)


def test_a_graph_that_cant_be_read_fails_the_test_of_loading(copy: Path) -> None:
    (copy / "int8.xml").write_text("<net>")
    with pytest.raises(SelfTestFailed, match="can't be opened"):
        open_prepared(copy, "int8", threads=1, slots=2)
    (copy / "int8.xml").unlink()
    with pytest.raises(SelfTestFailed, match="can't be opened"):
        open_prepared(copy, "int8", threads=1, slots=2)


def test_a_runtime_whose_rows_feel_their_neighbours_fails_the_test(made: Path) -> None:
    runtime = open_prepared(made, "float32", threads=1, slots=3)
    step = runtime.step
    runtime.step = lambda slots, tokens: step(slots, tokens) + 1e-6 * len(slots)  # type: ignore[method-assign]
    with pytest.raises(SelfTestFailed, match="neighbour"):
        measure.self_test(runtime, held(made), "float32")


@pytest.mark.parametrize("kind", ["bloom", "gpt_neo"])
def test_what_can_not_be_paged_is_refused_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NotExportable):
        exported(net_of(kind), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_is_wrong_is_refused_and_the_old_folder_stays(
    made: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "converted", lambda _: ov.Core().read_model(made / "float32.xml"))
    net = net_of("llama")
    net.model.layers[1].self_attn.o_proj.weight.data *= 1.1
    with pytest.raises(NotExportable, match="spreads off"):
        exported(net, copy, source="a newer checkpoint")
    assert held(copy).source == SOURCE
    assert list(copy.parent.iterdir()) == [copy]


def test_a_newer_folder_takes_the_place_of_the_old(
    made: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "converted", lambda _: ov.Core().read_model(made / "float32.xml"))
    exported(net_of("llama"), copy, source="a newer checkpoint")
    assert held(copy).source == "a newer checkpoint"
    assert list(copy.parent.iterdir()) == [copy]
    open_prepared(copy, "auto", threads=1, slots=2)


def test_a_variant_whose_numbers_break_is_left_out(
    made: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(runtime: Any, *rest: Any) -> float:
        settings = runtime._request.get_compiled_model()
        if settings.get_property("INFERENCE_PRECISION_HINT") == ov.Type.bf16:
            raise SelfTestFailed("a row's logits depend on its neighbour")
        return distance(runtime, *rest)

    distance = measure.distance
    monkeypatch.setattr(build, "converted", lambda _: ov.Core().read_model(made / "float32.xml"))
    monkeypatch.setattr(measure, "distance", breaking)
    exported(net_of("llama"), copy)
    assert list(held(copy).variants) == (["float32"] if HALF else NAMES)


def test_a_graph_without_attention_to_page_is_refused(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ops.parameter([-1, -1], ov.Type.i64, name="input_ids")
    plain = ov.Model([ops.convert(words, "f32")], [words], "plain")
    monkeypatch.setattr(build, "converted", lambda _: plain)
    with pytest.raises(NotExportable, match="can't be paged"):
        exported(net_of("llama"), copy)
    assert held(copy).source == SOURCE


def test_a_window_too_short_to_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotExportable, match="128"):
        exported(net_of("llama"), tmp_path / "net", window=64)


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(sliding_window=64),
        Qwen2Config(use_sliding_window=True, sliding_window=64, max_window_layers=0),
        Qwen2Config(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}),
        CONFIGS["bart"],
    ],
    ids=["window", "some-windows", "growing-rope", "encoder"],
)
def test_what_only_shows_in_long_texts_is_refused_by_name(config: Any) -> None:
    with pytest.raises(NotExportable):
        refuse_strange(config)


@pytest.mark.parametrize("kind", ["gpt2", "opt", "gptj", "gpt_neox", "llama", "qwen2"])
def test_plain_configs_are_not_refused(kind: str) -> None:
    refuse_strange(CONFIGS[kind])


def test_the_sample_is_plain_text_of_four_hundred_words() -> None:
    assert TEXT.isascii()
    assert len(TEXT.split()) > 400
