"""Likelihoods against transformers' own: a net's loss on the whole text, nothing shared or cut."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from bot.decoding.wiring import Wiring
from bot.errors import OperatorError
from bot.families import likelihoods
from bot.families.likelihoods import Likelihoods

Found = TypeVar("Found")


def done(pieces: Generator[None, None, Found]) -> Found:
    """Do all of the work."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


@pytest.fixture(params=["gpt2", "llama"])
def net(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "gpt2":
        config = GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=512, vocab_size=97)
        return GPT2LMHeadModel(config).eval()
    llama = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    return LlamaForCausalLM(llama).eval()


def by_transformers(net: Any, before: list[int], way: list[int]) -> list[float]:
    """Return the log-probability of each token of ``way``, by one pass over the whole text."""
    with torch.inference_mode():
        logits = net(torch.tensor([before + way])).logits[0].log_softmax(-1)
    return [float(logits[len(before) + n - 1, token]) for n, token in enumerate(way)]


def test_a_text_is_as_likely_as_transformers_says(net: Any) -> None:
    weighs = Likelihoods(Wiring(net))
    before = [5 * n % 97 for n in range(200)]  # more than a piece
    ways = [[3, 4, 5], [7], [9, 8, 7, 6, 5, 4], [3, 4]]
    beginning = done(weighs.begin(before))
    found = done(weighs.follow(beginning, ways, ends=(1, 2)))
    for way, weighed in zip(ways, found, strict=True):
        assert weighed.tokens == pytest.approx(by_transformers(net, before, way), abs=1e-4)
        assert weighed.whole == pytest.approx(sum(weighed.tokens))
        for number in range(len(way)):
            said = way[: number + 1]
            each = [by_transformers(net, before + said, [end])[0] for end in (1, 2)]
            right = torch.tensor(each).logsumexp(0).item()
            assert weighed.ends[number] == pytest.approx(right, abs=1e-4)


def test_a_beginning_goes_on_after_another_that_stays_as_it_was(net: Any) -> None:
    weighs = Likelihoods(Wiring(net))
    first = done(weighs.begin([1, 2, 3]))
    one = done(weighs.begin([4, 5], first))
    done(weighs.begin([9, 9, 9], first))
    again = done(weighs.begin([4, 5], first))
    whole = done(weighs.begin([1, 2, 3, 4, 5]))
    assert torch.equal(one.next, again.next)
    assert torch.allclose(one.next, whole.next, atol=1e-5)


def test_work_is_cut_into_pieces(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihoods, "PIECE", 8)
    weighs = Likelihoods(Wiring(net))
    sizes: list[int] = []
    net.register_forward_pre_hook(
        lambda module, args, fed: sizes.append(fed["input_ids"].numel()), with_kwargs=True
    )
    beginning = done(weighs.begin(list(range(20))))
    assert sizes == [8, 8, 4]
    sizes.clear()
    pieces = weighs.follow(beginning, [[n, n, n] for n in range(9)])
    assert sum(1 for _ in pieces) == 5
    assert max(sizes) <= 8
    assert sum(sizes) == 27


def test_a_net_with_an_encoder_is_refused() -> None:
    config = BartConfig(vocab_size=97, d_model=16, encoder_layers=1, decoder_layers=1)
    with pytest.raises(OperatorError, match="cannot weigh texts"):
        Likelihoods(Wiring(BartForConditionalGeneration(config)))
