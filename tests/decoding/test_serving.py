"""Making a net ready: it tests itself, and what fails is served another way."""

from __future__ import annotations

import copy
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
from bot.decoding import linears
from bot.decoding.engine import Engine
from bot.decoding.sampling import Row, Sampling
from bot.decoding.serving import Serving, is_fast_in_bfloat16, open_engine
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
    serving = Serving(pack_bytes=pack_bytes)
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
