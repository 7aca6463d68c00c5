"""Which arrays of DALL-E mini's Flax files make which tensors of our nets.

In the files, layers come stacked (``nn.scan``: one array for the twelve weights of one name),
kernels have their inputs first, and convolutions are height, width, inputs, outputs. Where we have
one layer for what reads the same (queries, keys and values), they have several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bot.nets.dalle_bart import DalleBart

LAYER = re.compile(r"^(encoder|decoder)\.layers\.(\d+)\.(.+)$")
STACK = "model.{0}.layers.FlaxBart{1}Layers."

IN_LAYERS: dict[str, tuple[str, ...]] = {
    "norm": ("LayerNorm_0",),
    "attention.qkv": tuple(f"FlaxBartAttention_0.{name}_proj" for name in "qkv"),
    "attention.out": ("FlaxBartAttention_0.out_proj",),
    "after": ("LayerNorm_1",),
    "cross_norm": ("LayerNorm_2",),
    "cross.query": ("FlaxBartAttention_1.q_proj",),
    "cross.key_value": ("FlaxBartAttention_1.k_proj", "FlaxBartAttention_1.v_proj"),
    "cross.out": ("FlaxBartAttention_1.out_proj",),
    "cross_after": ("LayerNorm_3",),
    "glu.norm": ("GLU_0.LayerNorm_0",),
    "glu.widen": ("GLU_0.Dense_0", "GLU_0.Dense_1"),
    "glu.inner_norm": ("GLU_0.LayerNorm_1",),
    "glu.narrow": ("GLU_0.Dense_2",),
}
AROUND_LAYERS = {
    "read.tokens": "embed_tokens",
    "read.places": "embed_positions",
    "read.norm": "layernorm_embedding",
    "norm": "final_ln",
}
OF_VQGAN = (
    (r"^codebook$", "quantize.embedding"),
    (r"^post_quant$", "post_quant_conv"),
    (r"\bmiddle\.0\b", "mid.block_1"),
    (r"\bmiddle\.1\b", "mid.attn_1"),
    (r"\bmiddle\.2\b", "mid.block_2"),
    (r"\blevels\.(\d+)", r"up_\1"),
    (r"\bblocks\.(\d+)", r"block_\1"),
    (r"\battentions\.(\d+)", r"attn_\1"),
    (r"\bshortcut$", "nin_shortcut"),
    (r"\benlarge$", "upsample.conv"),
)
ATTENTION = re.compile(r"^(.*attn_\d+)\.(qkv|out)$")


class Source(NamedTuple):
    """Where a tensor comes from: arrays one behind the other, and its place in their stacks."""

    leaves: tuple[str, ...]
    layer: int | None = None

    def tensor(self, arrays: dict[str, Tensor]) -> Tensor:
        """Return it, outputs first."""
        parts = [arrays[leaf] for leaf in self.leaves]
        if self.layer is not None:
            parts = [part[self.layer] for part in parts]
        turned = [
            outputs_first(part) if leaf.endswith(".kernel") else part
            for leaf, part in zip(self.leaves, parts, strict=True)
        ]
        return turned[0] if len(turned) == 1 else torch.cat(turned)


def outputs_first(kernel: Tensor) -> Tensor:
    """Return a kernel (inputs, outputs) or (H, W, inputs, outputs) as torch has it."""
    return kernel.permute(3, 2, 0, 1) if kernel.dim() == 4 else kernel.mT


def sources(net: nn.Module) -> Iterator[tuple[str, Source]]:
    """Yield the names of all tensors of one of our two nets, and where each comes from."""
    modules = _net_modules if isinstance(net, DalleBart) else _vqgan_modules
    for module_name, module in net.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            theirs, layer = modules(module_name)
            leaf = _leaf(module, name)
            yield f"{module_name}.{name}", Source(tuple(f"{x}.{leaf}" for x in theirs), layer)


def _leaf(module: nn.Module, name: str) -> str:
    if name == "bias":
        return "bias"
    if isinstance(module, nn.Embedding):
        return "embedding"
    return "kernel" if isinstance(module, nn.Linear | nn.Conv2d) else "scale"


def _net_modules(ours: str) -> tuple[tuple[str, ...], int | None]:
    if (found := LAYER.match(ours)) is not None:
        half, number, rest = found.groups()
        stack = STACK.format(half, half.title())
        return tuple(stack + theirs for theirs in IN_LAYERS[rest]), int(number)
    if ours == "head":
        return ("lm_head",), None
    half, _, rest = ours.partition(".")
    return (f"model.{half}.{AROUND_LAYERS[rest]}",), None


def _vqgan_modules(ours: str) -> tuple[tuple[str, ...], int | None]:
    theirs = ours
    for pattern, replacement in OF_VQGAN:
        theirs = re.sub(pattern, replacement, theirs)
    if (found := ATTENTION.match(theirs)) is not None:
        layers = ("q", "k", "v") if found[2] == "qkv" else ("proj_out",)
        return tuple(f"{found[1]}.{layer}" for layer in layers), None
    return (theirs,), None
