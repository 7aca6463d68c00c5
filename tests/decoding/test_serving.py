"""Making a net ready: it tests itself, and what fails is served another way."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    Gemma2Config,
    GptOssConfig,
)

from bot.catalogue.model import Model
from bot.decoding import linears, selftest
from bot.decoding.engine import Engine
from bot.decoding.sampling import Row, Sampling
from bot.decoding.serving import IN_BYTES, Serving, is_fast_in_bfloat16, open_engine
from tests.decoding.architectures import (
    COMMON,
    CONFIGS,
    END_IDS,
    LLAMA_LIKE,
    SIZE,
    START,
    generated,
    net_of,
    source_of,
)
from tests.decoding.vocabularies import ids_of, numbers


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def row_of(kind: str, sampling: Sampling, emitted: tuple[int, ...] = ()) -> Row:
    rng = random.Random(kind)
    source = source_of(kind, rng)
    ids = (START,) if source is not None else tuple(rng.randrange(6, SIZE) for _ in range(9))
    return Row(ids=ids, sampling=sampling, source=source, emitted=emitted)


def tokens_of(engine: Engine, row: Row) -> list[int]:
    engine.join("a", row)
    while True:
        for emission in engine.step():
            if emission.finish is not None:
                return ids_of(emission.finish.text)


@pytest.mark.parametrize("pack_bytes", [0, 1 << 30], ids=["plain", "packed"])
@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_every_architecture_passes_its_own_test(kind: str, pack_bytes: int) -> None:
    row = row_of(kind, Sampling(max_new_tokens=8))
    expected = [token for token in generated(net_of(kind), row)[0] if token not in END_IDS]
    serving = Serving(dtype="float32", pack_bytes=pack_bytes)
    engine = open_engine(net_of(kind), numbers(SIZE), END_IDS, 4, serving)
    assert engine.note == ""
    assert tokens_of(engine, row) == expected


def test_a_decoder_may_have_more_layers_than_its_encoder() -> None:
    config = copy.deepcopy(CONFIGS["mt5"])  # with which transformers' own ``generate`` fails
    config.num_decoder_layers = 4
    net = AutoModelForSeq2SeqLM.from_config(config).eval()
    engine = open_engine(net, numbers(SIZE), END_IDS, 4)
    assert engine.note == ""
    for beams in (1, 2):
        row = row_of("mt5", Sampling(max_new_tokens=5, min_new_tokens=5, beams=beams))
        assert len(tokens_of(engine, row)) == 5


def test_a_net_that_mixes_its_rows_is_served_one_row_at_a_time() -> None:
    net = net_of("gpt2")
    right = net.transformer.h[0].forward

    def wrong(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return right(hidden + 0.1 * hidden.roll(1, 0), *args, **kwargs)

    net.transformer.h[0].forward = wrong
    engine = open_engine(net, numbers(SIZE), END_IDS, 4)
    assert "one row at a time" in engine.note
    assert "standard deviations" in engine.note
    assert net.config._attn_implementation == "sdpa"  # as it came
    row = row_of("gpt2", Sampling(max_new_tokens=8))
    assert tokens_of(engine, row) == [t for t in generated(net, row)[0] if t not in END_IDS]


ODD_ATTENTION = {
    "a cap on its scores": Gemma2Config(
        **LLAMA_LIKE, head_dim=8, attn_logit_softcapping=0.5, final_logit_softcapping=None, **COMMON
    ),
    "columns that are nobody's": GptOssConfig(
        **LLAMA_LIKE, head_dim=8, num_local_experts=2, num_experts_per_tok=1, **COMMON
    ),
}


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("kind", sorted(ODD_ATTENTION))
def test_a_net_that_cannot_attend_by_torch_keeps_its_own_way(kind: str, beams: int) -> None:
    def net() -> Any:
        torch.manual_seed(1)
        return AutoModelForCausalLM.from_config(copy.deepcopy(ODD_ATTENTION[kind])).eval()

    row = row_of("gpt2", Sampling(max_new_tokens=8, beams=beams))
    expected = [token for token in generated(net(), row)[0] if token not in END_IDS]
    mine = net()
    engine = open_engine(mine, numbers(SIZE), END_IDS, 4)
    assert mine.config._attn_implementation == "eager"
    assert engine.note.endswith("needs a cache of its own kind")  # windows that slide
    assert tokens_of(engine, row) == expected


def test_a_net_that_writes_no_numbers_does_not_pass() -> None:
    net = net_of("gpt2")
    net.transformer.wpe.weight[3] = torch.nan
    assert "nan" in open_engine(net, numbers(SIZE), END_IDS, 4).note


def test_a_processor_without_bfloat16_is_served_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(weight: torch.Tensor) -> None:
        raise RuntimeError("bf16 path needs the cpu support avx_ne_convert or avx512bw")

    monkeypatch.setattr(linears, "_pack", refused)
    linears.has_bfloat16.cache_clear()
    is_fast_in_bfloat16.cache_clear()
    model = Model(id="x", task="complete", family="causal_lm", dtype="bfloat16")
    for dtype in ("auto", "as stored", "bfloat16", "int8", "float32"):
        assert Serving(dtype=dtype).torch_dtype(model) == torch.float32
    linears.has_bfloat16.cache_clear()
    is_fast_in_bfloat16.cache_clear()


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "sampled"])
@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_row_broken_off_goes_on_as_if_nothing_had_happened(kind: str, temperature: float) -> None:
    sampling = Sampling(
        max_new_tokens=20, min_new_tokens=20, temperature=temperature, repetition_penalty=1.2,
        no_repeat_ngram=3, seed=5,
    )  # fmt: skip
    whole = tokens_of(open_engine(net_of(kind), numbers(SIZE), END_IDS, 4), row_of(kind, sampling))
    assert len(whole) == 20
    for emitted in (1, 7, 19):
        engine = open_engine(net_of(kind), numbers(SIZE), END_IDS, 4)
        row = row_of(kind, sampling, emitted=tuple(whole[:emitted]))
        assert tokens_of(engine, row) == whole


with_bytes = pytest.mark.skipif(not linears.has_bytes(), reason="no instructions for bytes here")
WITH_ENCODER = ["bart", "m2m_100", "mt5", "vit_trocr"]


def layers_of(net: Any) -> set[str]:
    return {type(module).__name__ for module in net.modules() if "Linear" in type(module).__name__}


@with_bytes
@pytest.mark.parametrize("kind", sorted(kind for kind in WITH_ENCODER if kind in CONFIGS))
def test_a_net_with_an_encoder_is_held_in_bytes(kind: str) -> None:
    net = net_of(kind)
    engine = open_engine(net, numbers(SIZE), END_IDS, 4, Serving(dtype="auto", pack_bytes=1 << 30))
    assert engine.note == IN_BYTES
    assert "BytesLinear" in layers_of(net)
    assert "PackedLinear" not in layers_of(net)
    assert len(tokens_of(engine, row_of(kind, Sampling(max_new_tokens=8, min_new_tokens=8)))) == 8


@with_bytes
@pytest.mark.parametrize(
    "kind, dtype, pack_bytes",
    [("gpt2", "auto", 1 << 30), ("bart", "float32", 1 << 30), ("bart", "auto", 0)],
    ids=["no encoder", "exact", "no memory for a copy"],
)
def test_other_nets_are_not(kind: str, dtype: str, pack_bytes: int) -> None:
    net = net_of(kind)
    serving = Serving(dtype=dtype, pack_bytes=pack_bytes)
    assert open_engine(net, numbers(SIZE), END_IDS, 4, serving).note == ""
    assert "BytesLinear" not in layers_of(net)


@with_bytes
def test_a_net_that_bears_bytes_badly_is_not_held_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    net = net_of("bart")
    row = row_of("bart", Sampling(max_new_tokens=8))
    expected = [token for token in generated(net, row)[0] if token not in END_IDS]
    monkeypatch.setattr(selftest, "WORST_SURPRISE", 1e-12)
    serving = Serving(dtype="auto", pack_bytes=1 << 30)
    engine = open_engine(net, numbers(SIZE), END_IDS, 4, serving)
    assert engine.note.startswith("not in int8: it would add a surprise of ")
    assert "BytesLinear" not in layers_of(net)
    assert tokens_of(engine, row) == expected
    asked = open_engine(
        net_of("bart"), numbers(SIZE), END_IDS, 4, Serving(dtype="int8", pack_bytes=1 << 30)
    )
    assert asked.note == IN_BYTES  # whoever asks for it by name gets it


@with_bytes
def test_a_net_that_shouts_in_one_place_does_not_bear_bytes() -> None:
    """One number of a thousand times the others, which nothing reads, leaves them no levels."""
    net = net_of("bart")
    with torch.no_grad():
        for layer in net.model.decoder.layers:
            layer.fc1.bias[0] = 1e4
            layer.fc2.weight *= 20
            layer.fc2.weight[:, 0] = 0
    serving = Serving(dtype="auto", pack_bytes=1 << 30)
    engine = open_engine(net, numbers(SIZE), END_IDS, 4, serving)
    assert "not in int8" in engine.note
    assert "BytesLinear" not in layers_of(net)


def test_surprise_is_the_divergence_of_what_was_found() -> None:
    own = [torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()]
    found = [torch.tensor([[0.25, 0.5, 0.25]]).log() + 7, own[1]]  # a constant changes nothing
    assert selftest.surprise(own, own) == 0
    wanted = (0.5 * math.log(2) + 0.25 * math.log(0.5)) / 2
    assert selftest.surprise(found, own) == pytest.approx(wanted)
