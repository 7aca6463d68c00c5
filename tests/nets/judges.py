"""min-dalle's nets, an implementation of DALL-E mini that is not ours, filled from Flax's arrays.

Two of its constants differ from the original's, and are set right here: its group norms add 1e-5
where the original adds 1e-6, and its pictures start from code 16383 where the original's start from
16384 (its nets take whatever start they are given).
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bot.catalogue.conversion.flax_names import sources

Leaves = dict[str, Tensor]

INSTALL = "min-dalle judges our DALL-E mini: make judges"
IMAGE_LENGTH = 256  # of which its code is sure
CODES = 16_384
GROUP_EPSILON = 1e-6


def min_dalle() -> Any:
    """Return its models; what it does to torch when it is imported is undone."""
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    try:
        pytest.importorskip("min_dalle", reason=INSTALL)
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
    import min_dalle.models as models

    return models


def encoder(leaves: Leaves, config: dict[str, Any]) -> Any:
    """Return its encoder with the arrays of a Flax file."""
    net = (
        min_dalle()
        .DalleBartEncoder(
            layer_count=config["encoder_layers"],
            embed_count=config["d_model"],
            attention_head_count=config["encoder_attention_heads"],
            text_vocab_count=config["encoder_vocab_size"],
            text_token_count=config["max_text_length"],
            glu_embed_count=config["encoder_ffn_dim"],
            device="cpu",
        )
        .eval()
    )
    _fill(net, _half(leaves, "encoder", config["encoder_layers"]))
    return net


def decoder(leaves: Leaves, config: dict[str, Any]) -> Any:
    """Return its decoder with the arrays of a Flax file."""
    net = (
        min_dalle()
        .DalleBartDecoder(
            image_vocab_count=config["image_vocab_size"],
            embed_count=config["d_model"],
            attention_head_count=config["decoder_attention_heads"],
            glu_embed_count=config["decoder_ffn_dim"],
            layer_count=config["decoder_layers"],
            device="cpu",
        )
        .eval()
    )
    filled = _half(leaves, "decoder", config["decoder_layers"])
    _fill(net, filled | {"lm_head.weight": leaves["lm_head.kernel"].T})
    return net


def vqgan(leaves: Leaves) -> Any:
    """Return its VQGAN with the arrays of a Flax file."""
    net = min_dalle().VQGanDetokenizer().eval()
    named = {}
    for name, leaf in leaves.items():
        name = name.replace("quantize.embedding.embedding", "embedding.weight")
        for kind in ("up", "block", "attn"):  # up_3 is up.3, but in the middle they are attributes
            if ".mid." not in name:
                name = name.replace(f"{kind}_", f"{kind}.")
        name = name.replace(".scale", ".weight").replace(".kernel", ".weight")
        named[name] = leaf.permute(3, 2, 0, 1) if leaf.dim() == 4 else leaf
    _fill(net, named)
    for module in net.modules():
        if isinstance(module, nn.GroupNorm):
            assert module.eps != GROUP_EPSILON  # else this correction can go
            module.eps = GROUP_EPSILON
    return net


class Steps:
    """Its decoder at work: what it says after each code, as its own loop calls it."""

    def __init__(self, net: Any, states: Tensor, ids: Tensor) -> None:
        self.net = net
        self.states = states  # of no caption, then of the captions
        self.mask = ids.not_equal(1)[:, None, None, :]
        layers, width = net.layer_count, net.embed_count
        self.memory = torch.zeros(layers, 2 * len(ids), IMAGE_LENGTH, width)

    def logits(self, codes: Tensor, place: int) -> Tensor:
        """Return the logits of all rows, (2N, codes + 1), after the codes (N,) at a place."""
        said, self.memory = self.net(**self._told(codes, place))
        return said[:, -1]

    def sampled(self, codes: Tensor, place: int, settings: tuple[float, int, float]) -> Tensor:
        """Return the codes (N,) that its own sampling chooses: temperature, top k, guidance."""
        chosen, self.memory = self.net.sample_tokens(
            settings=torch.tensor(settings), **self._told(codes, place)
        )
        return chosen

    def _told(self, codes: Tensor, place: int) -> dict[str, Any]:
        return {
            "attention_mask": self.mask,
            "encoder_state": self.states,
            "attention_state": self.memory,
            "prev_tokens": codes[:, None],
            "token_index": torch.tensor([place]),
        }


def _half(leaves: Leaves, half: str, layers: int) -> Leaves:
    """Return the weights of one half by min-dalle's names."""
    name = f"model.{half}"
    stack = f"{name}.layers.FlaxBart{half.title()}Layers"
    named = {
        "embed_tokens.weight": leaves[f"{name}.embed_tokens.embedding"],
        "embed_positions.weight": leaves[f"{name}.embed_positions.embedding"],
        "layernorm_embedding.weight": leaves[f"{name}.layernorm_embedding.scale"],
        "layernorm_embedding.bias": leaves[f"{name}.layernorm_embedding.bias"],
        "final_ln.bias": leaves[f"{name}.final_ln.bias"],
    }
    inside = {
        "pre_self_attn_layer_norm": "LayerNorm_0",
        "self_attn_layer_norm": "LayerNorm_1",
        "pre_encoder_attn_layer_norm": "LayerNorm_2",
        "encoder_attn_layer_norm": "LayerNorm_3",
        "glu.ln0": "GLU_0.LayerNorm_0",
        "glu.ln1": "GLU_0.LayerNorm_1",
        "glu.fc0": "GLU_0.Dense_0",
        "glu.fc1": "GLU_0.Dense_1",
        "glu.fc2": "GLU_0.Dense_2",
    }
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        inside[f"self_attn.{part}"] = f"FlaxBartAttention_0.{part}"
        inside[f"encoder_attn.{part}"] = f"FlaxBartAttention_1.{part}"
    for theirs, flax in inside.items():
        for ours, leaf in {"weight": "scale", "bias": "bias"}.items():
            if (stacked := leaves.get(f"{stack}.{flax}.{leaf}")) is not None:
                named |= {f"layers.{n}.{theirs}.{ours}": stacked[n] for n in range(layers)}
        if (stacked := leaves.get(f"{stack}.{flax}.kernel")) is not None:
            named |= {f"layers.{n}.{theirs}.weight": stacked[n].T for n in range(layers)}
    return named


def _fill(net: nn.Module, named: Leaves) -> None:
    """Fill a net; of what is not named only norms' scales may be left as they are, at one."""
    lacking, unknown = net.load_state_dict(named, strict=False)
    assert not unknown
    assert all("ln" in name or "layer_norm" in name for name in lacking), lacking


def leaves_of(shapes: dict[str, tuple[int, ...]], spread: float = 1.0, seed: int = 0) -> Leaves:
    """Return arrays of chance by their dotted names, loud enough that every one of them matters."""
    chance = torch.Generator().manual_seed(seed)
    leaves = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=chance)
        if name.endswith(".kernel"):
            fan_in = math.prod(shape[:3]) if len(shape) == 4 else shape[-2]
            values *= spread * fan_in**-0.5
        elif name.endswith(".scale"):
            values = 1 + 0.2 * values
        elif name.endswith(".bias"):
            values *= 0.2
        leaves[name] = values
    return leaves


def filled(net: nn.Module, leaves: Leaves) -> nn.Module:
    """Return our net with the same arrays, as the conversion names them."""
    with torch.no_grad():
        for name, source in sources(net):
            net.get_parameter(name).copy_(source.tensor(leaves))
    return net.requires_grad_(requires_grad=False).eval()
