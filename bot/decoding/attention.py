"""Attention for rows that share a step: the same bits for each, whoever is there.

torch's own attention shares the columns of a few rows out among its threads, and how it does so
hangs on their number: from three threads on, a row's sums are made in another order beside other
rows. Written out as two products it takes the same time and has the same bits for every number of
rows and threads that we tried (``tests/decoding/test_arena.py``).

It attends in float32 whatever the net's dtype: torch converts bfloat16 keys again in every step,
which took half of it. The linear layers, which are most of the reading, stay in bfloat16.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

WIDE = "menagerie_wide"
TORCHS_OWN = "sdpa"


def widen(decoder: Any) -> bool:
    """Let a decoder attend in this way; return whether it does now.

    Only those do that attend by torch's own: others have a reason, such as a cap on the scores
    (Gemma 2) or columns that are nobody's (gpt-oss), which would be left out here.
    """
    if decoder.config._attn_implementation != TORCHS_OWN:
        return False
    if not decoder._can_set_attn_implementation():
        return False
    AttentionInterface.register(WIDE, _attend)
    AttentionMaskInterface.register(WIDE, sdpa_mask)
    decoder.set_attn_implementation(WIDE)
    return True


def narrow(decoder: Any) -> None:
    """Let a decoder that was widened attend by torch's own again."""
    decoder.set_attn_implementation(TORCHS_OWN)


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return (N, T, heads, D) for a query (N, heads, T, D)."""
    if query.shape[0] > key.shape[0] and (query.shape[2] > 1 or attention_mask is None):
        beams = query.shape[0] // key.shape[0]
        key, value = key.repeat_interleave(beams, 0), value.repeat_interleave(beams, 0)
    wide = query.float(), key.float(), value.float()
    bias = options.pop("position_bias", None)
    bias = None if bias is None else bias.float()
    if query.shape[2] == 1 and attention_mask is not None:
        out = _step(*wide, attention_mask, bias, options.get("scaling"))
    else:
        out, _ = sdpa_attention_forward(
            module, *wide, attention_mask, position_bias=bias, **options
        )
    return out.to(query.dtype), None


def _step(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    bias: torch.Tensor | None,
    scaling: float | None,
) -> torch.Tensor:
    """Attend with one token per row, (N x K, heads, 1, D), to (N, kept heads, W, D).

    K beams of a text may read the same keys and values; mask and bias have a row for each.
    """
    rows, heads, _, size = query.shape
    texts, kept = key.shape[:2]  # a kept head may be read by several of the query's
    scaling = size**-0.5 if scaling is None else scaling
    if (rows, heads) == (texts, kept):  # the same sums, without going round
        scores = torch.matmul(query * scaling, key.mT)
        scores = scores if bias is None else scores + bias
        scores = (
            scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        )
        return torch.matmul(scores.softmax(-1), value).transpose(1, 2)

    def grouped(of_rows: torch.Tensor) -> torch.Tensor:
        """Put side by side what reads the same, (N, kept, heads / kept x K, ...)."""
        by_text = of_rows.reshape(texts, rows // texts, kept, heads // kept, -1)
        return by_text.permute(0, 2, 3, 1, 4).reshape(texts, kept, -1, of_rows.shape[-1])

    scores = torch.matmul(grouped(query * scaling), key.mT)  # (N, kept, heads / kept x K, W)
    if bias is not None:
        scores = scores + grouped(bias.expand(rows, heads, 1, -1))
    mask = mask[:: rows // texts]  # what counts of a source is the same for all of its beams
    hidden = ~mask if mask.dtype == torch.bool else None
    scores = scores + mask if hidden is None else scores.masked_fill(hidden, -torch.inf)
    out = torch.matmul(scores.softmax(-1), value)  # as the scores, D for W
    by_head = out.reshape(texts, kept, heads // kept, rows // texts, size)
    return by_head.permute(0, 3, 1, 2, 4).reshape(rows, 1, heads, size)
