"""From a transformers net to an OpenVINO graph that keeps its own keys and values."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import math
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache

import bot.decoding.paged  # noqa: F401  # before the next: nothing is to be sent to Intel

import nncf  # isort: skip
import openvino as ov  # isort: skip
from transformers.exporters import OpenVINOConfig, OpenVINOExporter  # isort: skip

SAMPLE_ROWS, SAMPLE_PAST = 2, 5
"""The sizes of the traced inputs. With one new token a row: the paged graph makes a row of each
token, and a graph traced with more may hold on to its mask (GPT-2's does)."""

GROWING_ROPE = {"dynamic", "longrope"}
"""Rotary embeddings that change with the longest row: a neighbour would change a row."""


PLAIN_ATTENTION = {"GPTJAttention", "CodeGenAttention"}
"""Attention that is written out in full and scaled by the root of the width: the paged graph wants
torch's own function, and for these it does the same sum."""

SLACK = 1e-4


class NotExportable(Exception):
    """This net can't be served by the paged runtime; the message says why."""


def refuse_strange(config: Any) -> None:
    """Refuse what the checks could not find out, as it only shows in long texts or in batches.

    Raises:
        NotExportable: Attention that forgets, or positions that depend on the neighbours.
    """
    if config.is_encoder_decoder:
        raise NotExportable("it has an encoder")
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        raise NotExportable(f"it has layers of {', '.join(sorted(kinds))}")
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise NotExportable("its attention has a sliding window")
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in GROWING_ROPE:
        raise NotExportable(f"its rotary embedding is {rope['rope_type']}")


def converted(net: Any) -> Any:
    """Return the net as a stateful ``openvino.Model`` with weights in float32.

    Raises:
        NotExportable: The exporter does not know this architecture.
    """
    refuse_strange(net.config)
    written_out = net.config._attn_implementation != "sdpa"
    if written_out and not any(type(m).__name__ in PLAIN_ATTENTION for m in net.modules()):
        raise NotExportable("its attention is written out in a way of its own")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter: it is experimental, and says so
        try:
            config = OpenVINOConfig(dynamic=True, stateful=True)
            with _one_attention(net):
                return OpenVINOExporter().export(net, _sample(net), config=config).program
        except Exception as error:  # anything at all, from four libraries
            raise NotExportable(f"the exporter fails: {error}") from error


@contextlib.contextmanager
def _one_attention(net: Any) -> Iterator[None]:
    """Let attention that is written out call torch's function, for as long as the net is traced."""

    def attend(
        module: Any, query: Any, key: Any, value: Any, mask: Any = None
    ) -> tuple[torch.Tensor, None]:
        usual = math.sqrt(query.shape[-1])
        if abs(float(module.scale_attn) / usual - 1) > SLACK:
            raise NotExportable("its attention is scaled in a way of its own")
        attended = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask)
        return attended, None  # (B, heads, T, width)

    plain = [module for module in net.modules() if type(module).__name__ in PLAIN_ATTENTION]
    for module in plain:
        module._attn = types.MethodType(attend, module)
    try:
        yield
    finally:
        for module in plain:
            del module._attn


def _sample(net: Any) -> dict[str, Any]:
    cache = DynamicCache(config=net.config)
    past = torch.ones(SAMPLE_ROWS, SAMPLE_PAST, dtype=torch.long)
    net(input_ids=past, past_key_values=cache, use_cache=True)
    inputs = {
        "input_ids": torch.ones(SAMPLE_ROWS, 1, dtype=torch.long),
        "attention_mask": torch.ones(SAMPLE_ROWS, SAMPLE_PAST + 1, dtype=torch.long),
        "past_key_values": cache,
    }
    if "position_ids" in inspect.signature(net.forward).parameters:
        inputs["position_ids"] = torch.full((SAMPLE_ROWS, 1), SAMPLE_PAST)
    return inputs


def with_small_weights(model: Any) -> Any:
    """Return the graph with its weights in 8 bits, each output channel with its own scale."""
    nncf.set_log_level(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it draws bars
        warnings.simplefilter("ignore")
        return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)


def save(model: Any, path: Path) -> None:
    """Write a graph's ``.xml``, and its weights beside it as they are."""
    ov.save_model(model, path, compress_to_fp16=False)
