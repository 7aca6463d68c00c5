"""Choosing tokens: the same arithmetic as transformers' own processors, the same luck."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.generation import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bot.decoding.sampling import Chooser, Row, Sampling, choose_all

SIZE = 23


def logits(seed: int, steps: int) -> torch.Tensor:
    return 3 * torch.randn(steps, SIZE, generator=torch.Generator().manual_seed(seed))


def chosen(ids: tuple[int, ...], rows: torch.Tensor, **options: float) -> list[int]:
    sampling = Sampling(max_new_tokens=len(rows), **options)  # type: ignore[arg-type]
    chooser = Chooser(Row(ids=ids, sampling=sampling))
    return [chooser.choose(row) for row in rows]


def expected(
    ids: tuple[int, ...], rows: torch.Tensor, *, temperature: float, top_k: int, top_p: float,
    repetition_penalty: float, seed: int,
) -> list[int]:  # fmt: skip
    """Return what transformers' processors and the global generator choose."""
    processors = LogitsProcessorList()
    if repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if temperature:
        processors.append(TemperatureLogitsWarper(temperature))
        if top_k:
            processors.append(TopKLogitsWarper(top_k))
        if top_p < 1.0:
            processors.append(TopPLogitsWarper(top_p))
    seen = torch.tensor([ids])
    torch.manual_seed(seed)
    for row in rows:
        scores = processors(seen, row[None].clone())
        token = (
            torch.multinomial(scores.softmax(-1), 1) if temperature else scores.argmax()[None, None]
        )
        seen = torch.cat([seen, token], dim=1)
    return seen[0, len(ids) :].tolist()


@given(
    ids=st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=8).map(tuple),
    noise=st.integers(0, 1000),
    temperature=st.sampled_from([0.0, 0.3, 0.8, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5, 22, 23, 50]),
    top_p=st.sampled_from([0.01, 0.5, 0.9, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.1, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_tokens_are_those_of_transformers(
    ids: tuple[int, ...], noise: int, **options: float
) -> None:
    rows = logits(noise, steps=6)
    assert chosen(ids, rows, **options) == expected(ids, rows, **options)  # type: ignore[arg-type]


@given(noise=st.integers(0, 1000), top_k=st.integers(1, SIZE), seed=st.integers(0, 99))
def test_only_the_likeliest_k_are_drawn(noise: int, top_k: int, seed: int) -> None:
    (row,) = logits(noise, steps=1)
    drawn = chosen((0,), row.repeat(20, 1), temperature=2.0, top_k=top_k, seed=seed)
    assert set(drawn) <= set(row.topk(top_k).indices.tolist())


def test_one_row_does_not_spend_the_luck_of_another() -> None:
    rows = logits(0, steps=30)
    alone = chosen((1,), rows, temperature=1.0, seed=5)
    first, second = (
        Chooser(Row(ids=(1,), sampling=Sampling(max_new_tokens=30, temperature=1.0, seed=seed)))
        for seed in (5, 6)
    )
    together = [(first.choose(row), second.choose(row)) for row in rows]
    assert [one for one, _ in together] == alone
    assert [other for _, other in together] != alone


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_read_as_floats(dtype: torch.dtype) -> None:
    rows = logits(1, steps=5).to(dtype)
    assert chosen((1,), rows, temperature=0.7, seed=3) == chosen(
        (1,), rows.float(), temperature=0.7, seed=3
    )


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0}, {"repetition_penalty": 1.2}])
def test_what_is_no_number_is_no_choice_and_its_neighbours_go_on(options: dict[str, float]) -> None:
    rows = logits(3, steps=2)
    rows[0] = torch.nan
    choosers = [
        Chooser(Row(ids=(1,), sampling=Sampling(max_new_tokens=3, **chosen_by)))  # type: ignore[arg-type]
        for chosen_by in (options, {})
    ]
    broken, fine = choose_all(choosers, rows)
    assert isinstance(broken, Exception)
    assert fine == int(rows[1].argmax())


def test_logits_stay_as_they_were() -> None:
    rows = logits(2, steps=3)
    before = rows.clone()
    chosen((1, 2, 3), rows, temperature=0.7, top_k=3, top_p=0.5, repetition_penalty=1.5)
    assert torch.equal(rows, before)
