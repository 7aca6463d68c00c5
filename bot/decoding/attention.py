"""Attention in float32 for nets in bfloat16.

On a processor torch's attention is four times slower on bfloat16 keys than on float32 ones: it
converts them again in every step. So the keys are kept in float32; the linear layers, which are
most of the reading, stay in bfloat16.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

WIDE = "menagerie_wide"


def widen(decoder: Any) -> bool:
    """Let a decoder attend in float32; return whether its architecture lets itself be told."""
    if decoder.dtype == torch.float32 or not decoder._can_set_attn_implementation():
        return False
    AttentionInterface.register(WIDE, _attend)
    AttentionMaskInterface.register(WIDE, sdpa_mask)
    decoder.set_attn_implementation(WIDE)
    return True


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    if options.get("position_bias") is not None:
        options["position_bias"] = options["position_bias"].float()
    out, _ = sdpa_attention_forward(
        module, query.float(), key.float(), value.float(), attention_mask, **options
    )
    return out.to(query.dtype), None
