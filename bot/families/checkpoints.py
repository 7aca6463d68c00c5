"""Loads nets and tokenizers from a checkpoint's folder: whole and as the catalogue says, or not.

transformers fills what a file lacks with chance and only warns; here that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer

from bot.catalogue.conversion.safetensors import drop_unused, lacking
from bot.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

PARAMS_TOLERANCE = 0.01
"""By so much an entry's ``params`` may be off: some tokens of a vocabulary, and no layer of 64."""

AS_IT_LIES: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""How everything is opened: nothing is fetched, and no program of a repository is ever run."""


def load_net(kind: Any, model: Model, folder: Path, dtype: torch.dtype | None = None) -> Any:
    """Return a net, ready to answer, memory-mapped where the files allow it; nothing is fetched.

    Args:
        kind: The class of transformers that reads it, such as ``AutoModelForCausalLM``.
        model: The catalogue's entry.
        folder: The checkpoint.
        dtype: How it is held in memory; as the entry says where it is ``None``.

    Raises:
        OperatorError: The files lack weights that the architecture needs, or hold some of another
            shape, or it is not the net that the entry describes.
    """
    if dtype is torch.int8 or (dtype is None and model.dtype == "int8"):
        raise OperatorError(
            f"{model.id}: its family cannot hold a net in int8. Write dtype = 'float32' or "
            "'bfloat16' into its entry."
        )
    net, info = kind.from_pretrained(
        folder,
        dtype=dtype or getattr(torch, model.dtype),
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are told below, in one line
        **AS_IT_LIES,
    )
    if wrong := lacking(net, info):
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} lacks {len(wrong)} weights, the first of "
            f"them {wrong[0]}. Fetch it again: python -m bot models fetch {model.id}"
        )
    _check_params(model, folder, sum(weight.numel() for weight in net.parameters()))
    drop_unused(net)
    _fill_sinusoids(net)
    return net.eval()


def load_tokenizer(model: Model, folder: Path) -> Any:
    """Return the tokenizer of a checkpoint; nothing is fetched.

    Raises:
        OperatorError: It is not one that knows where in the text its tokens lie.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, **AS_IT_LIES)
    if not tokenizer.is_fast:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} has a tokenizer of the slow kind "
            f"({type(tokenizer).__name__}). Put a tokenizer.json beside it."
        )
    return tokenizer


def size_bytes(net: Any) -> int:
    """Return the size of a net's weights, those that are shared counted once."""
    weights = [*net.parameters(), *net.buffers()]
    return sum(weight.numel() * weight.element_size() for weight in weights)


def _fill_sinusoids(net: Any) -> None:
    """Compute TrOCR's sinusoids anew: no weights of the net, they were left without values."""
    for module in net.modules():
        table = module.__dict__.get("weights")
        if isinstance(table, torch.Tensor) and table.is_meta:
            rows, columns = table.shape
            module.weights = module.get_embedding(rows, columns, module.padding_idx)


def _check_params(model: Model, folder: Path, found: int) -> None:
    if model.params and abs(found - model.params) > PARAMS_TOLERANCE * model.params:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} has {found:,} parameters; its entry in the "
            f"catalogue says {model.params:,}. Give it the right folder or repository, or mend "
            "'params'."
        )
