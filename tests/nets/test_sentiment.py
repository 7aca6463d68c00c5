"""The head's layer judged by transformers' own, and its pooling by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

from bot.nets.sentiment import Config, Head, layer_weights
from tests.families import minilm

CONFIG = Config(below=1, layers=1, width=32, heads=2, inner=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.encoder(tmp_path_factory.mktemp("minilm"))


@torch.inference_mode()
def test_a_layer_with_the_encoders_weights_is_the_encoders_layer(folder: Path) -> None:
    encoder = AutoModel.from_pretrained(folder).eval()
    ids = torch.randint(5, 60, (3, 9), generator=torch.Generator().manual_seed(0))
    theirs = encoder(ids, output_hidden_states=True).hidden_states
    head = Head(CONFIG).eval()
    for number in range(3):
        head.layers[0].load_state_dict(
            layer_weights(load_file(folder / "model.safetensors"), number)
        )
        mine = head.layers[0](theirs[number])
        assert (mine - theirs[number + 1]).abs().max() < 1e-5
        assert (theirs[number] - theirs[number + 1]).abs().max() > 0.1


@torch.inference_mode()
def test_padding_changes_nothing() -> None:
    torch.manual_seed(1)
    head = Head(CONFIG).eval()
    long, short = torch.randn(7, 32), torch.randn(4, 32)
    padded = torch.stack((long, torch.cat((short, torch.full((3, 32), 50.0)))))
    absent = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    together = head(padded, absent)
    alone = torch.cat((head(long[None]), head(short[None])))
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(head(padded), alone, atol=1e-2)


@torch.inference_mode()
def test_it_reads_the_mean_and_the_greatest() -> None:
    head = Head(Config(below=0, layers=0, width=2, heads=1, inner=4)).eval()
    head.out.weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
    head.out.bias.fill_(0.5)
    states = torch.tensor([[[1.0, -2.0], [3.0, -4.0]]])
    assert head(states).tolist() == [2.0 - 30.0 + 300.0 - 2000.0 + 0.5]
