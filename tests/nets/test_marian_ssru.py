"""The SSRU translator: its parts against torch's and transformers' own, its steps by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding

from bot.nets.marian_ssru import EPSILON, MarianSsru, Recurrence, SsruConfig, waves

SMALL = SsruConfig(vocabulary=40, width=16, inner=24, heads=4, readers=3, writers=2)


@pytest.fixture(scope="module")
def net() -> MarianSsru:
    torch.manual_seed(3)
    net = MarianSsru(SMALL)
    for name, weight in net.named_parameters():
        weight.data.normal_(float(name.endswith("norm.weight")), 0.3)
    return net.requires_grad_(requires_grad=False).eval()


def written(net: MarianSsru, ids: Tensor, lengths: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the likeliest tokens (B, steps) and the logits (B, steps, vocabulary)."""
    memory, kept, last = net.read(ids, lengths), net.begin(len(ids)), None
    tokens, logits = [], []
    for place in range(steps):
        likely, kept = net.step(last, place, kept, memory)
        last = likely.argmax(1)
        tokens.append(last)
        logits.append(likely)
    return torch.stack(tokens, 1), torch.stack(logits, 1)


def test_the_default_sizes_are_those_of_tiny11() -> None:
    """As Mozilla's metadata counts it: 16,907,062, of which 54 only say how Marian rounds."""
    with torch.device("meta"):
        net = MarianSsru(SsruConfig())
    assert sum(weight.numel() for weight in net.parameters()) == 16_907_062 - 54


def test_the_reader_is_torchs_own_transformer(net: MarianSsru) -> None:
    ids, lengths = torch.randint(0, 40, (3, 7)), torch.tensor([7, 4, 1])
    behind = torch.arange(7) >= lengths[:, None]
    x = net.embedding(ids) * 4 + waves(torch.arange(7), 16)
    for ours in net.readers:
        judge = nn.TransformerEncoderLayer(16, 4, 24, 0.0, batch_first=True, layer_norm_eps=EPSILON)
        parts = [ours.attention.query, ours.attention.key, ours.attention.value]
        judge.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([part.weight for part in parts]),
                "self_attn.in_proj_bias": torch.cat([part.bias for part in parts]),
                "self_attn.out_proj.weight": ours.attention.out.weight,
                "self_attn.out_proj.bias": ours.attention.out.bias,
                "linear1.weight": ours.forth.widen.weight,
                "linear1.bias": ours.forth.widen.bias,
                "linear2.weight": ours.forth.narrow.weight,
                "linear2.bias": ours.forth.narrow.bias,
                "norm1.weight": ours.attention_norm.weight,
                "norm1.bias": ours.attention_norm.bias,
                "norm2.weight": ours.forth_norm.weight,
                "norm2.bias": ours.forth_norm.bias,
            }
        )
        x = judge.requires_grad_(requires_grad=False)(x, src_key_padding_mask=behind)
    memory = net.read(ids, lengths)
    for writer, (keys, _) in zip(net.writers, memory.layers, strict=True):
        wanted = writer.attention.key(x).unflatten(-1, (4, 4)).transpose(1, 2)
        there = ~behind[:, None, :, None].expand_as(keys)
        torch.testing.assert_close(keys[there], wanted[there], rtol=1e-4, atol=1e-4)


def test_places_are_told_as_in_fairseqs_nets() -> None:
    judge = M2M100SinusoidalPositionalEmbedding.get_embedding(300, 256)
    torch.testing.assert_close(waves(torch.arange(300), 256), judge, rtol=0, atol=1e-4)


def test_a_recurrence_keeps_what_its_gate_says() -> None:
    unit = Recurrence(2).requires_grad_(requires_grad=False)
    unit.fresh.weight.copy_(torch.eye(2))
    unit.gate.weight.zero_()
    unit.gate.bias.copy_(torch.tensor([0.0, 1.0986123]))  # gates of 1/2 and 3/4
    kept = torch.zeros(1, 2)
    out, kept = unit(torch.tensor([[8.0, -8.0]]), kept)
    torch.testing.assert_close(kept, torch.tensor([[4.0, -2.0]]))
    torch.testing.assert_close(out, torch.tensor([[4.0, 0.0]]))
    _, kept = unit(torch.tensor([[0.0, 16.0]]), kept)
    torch.testing.assert_close(kept, torch.tensor([[2.0, 2.5]]))


def test_rows_do_not_see_each_other_nor_what_stands_behind_them(net: MarianSsru) -> None:
    lengths = torch.tensor([6, 3, 1])
    ids = torch.randint(0, 40, (3, 6))
    tokens, logits = written(net, ids, lengths, 5)
    for row, length in enumerate(lengths.tolist()):
        alone = written(net, ids[row : row + 1, :length], lengths[row : row + 1], 5)
        assert alone[0][0].tolist() == tokens[row].tolist()
        torch.testing.assert_close(alone[1][0], logits[row], rtol=1e-4, atol=1e-4)


def test_what_was_written_changes_what_comes_next(net: MarianSsru) -> None:
    memory = net.read(torch.tensor([[5, 9, 0]]), torch.tensor([3]))
    _, kept = net.step(None, 0, net.begin(1), memory)
    first, _ = net.step(torch.tensor([7]), 1, kept, memory)
    other, _ = net.step(torch.tensor([8]), 1, kept, memory)
    later, _ = net.step(torch.tensor([7]), 2, kept, memory)
    fresh, _ = net.step(torch.tensor([7]), 1, net.begin(1), memory)
    for changed in (other, later, fresh):
        assert (first - changed).abs().max() > 1e-3


def test_a_memory_of_some_rows_goes_on_as_all_would(net: MarianSsru) -> None:
    ids, lengths = torch.randint(0, 40, (4, 5)), torch.tensor([5, 2, 4, 3])
    memory = net.read(ids, lengths)
    last = torch.tensor([1, 2, 3, 4])
    _, kept = net.step(None, 0, net.begin(4), memory)
    whole, _ = net.step(last, 1, kept, memory)
    rows = torch.tensor([2, 0])
    some, _ = net.step(last[rows], 1, kept[:, rows], memory.of(rows))
    torch.testing.assert_close(some, whole[rows], rtol=1e-4, atol=1e-4)
