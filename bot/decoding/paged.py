"""The fast runtime on CPUs: OpenVINO's paged attention over blocks of keys and values.

A prepared folder (see :mod:`bot.decoding.export`) is all it reads: no torch weights, no tokenizer.
Rows share the blocks but no arithmetic: what a row reads is the same bits whoever is beside it.
"""

from __future__ import annotations

import operator
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

# OpenVINO and nncf send usage data to Intel unless this package is missing: for us it is.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

# A private name: the version of openvino is pinned, and each load tests itself.
from openvino._offline_transformations import paged_attention_transformation  # noqa: E402

from bot.decoding.blocks import Blocks, bytes_of  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from bot.decoding.engine import Read

LAST = "last_positions"
NOBODY = 0
"""The block of the row that keeps a lone row company; nobody reads what it holds."""

ELEMENTS = {"f32": np.float32, "bf16": np.uint16, "f16": np.uint16, "u8": np.uint8}
"""How numpy holds what OpenVINO calls by these names; it knows no bfloat16, only its bits."""

COMPANY = 2
"""The fewest rows of a step: a product with a single row is summed in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Names in OpenVINO's words: of the arithmetic, and of the keys and values that are kept."""

    inference: str
    cache: str


@dataclass(slots=True)
class _Held:
    """What a slot holds: how many tokens, in which blocks, and how many blocks it may come to."""

    tokens: int = 0
    reserved: int = 0
    blocks: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one row brings to a call: token ids that come after what it holds."""

    ids: list[int]
    held: _Held


class PagedRuntime:
    """Runs a prepared decoder-only net; a :class:`bot.decoding.engine.Runtime`.

    Args:
        graph: The net's ``.xml``; its ``.bin`` lies beside it and is memory-mapped.
        precision: Of the arithmetic and of the cache; the file's own hints are overruled.
        threads: How many threads a call may use.
        window: How many tokens a row may have, prompt and answer together.
        slots: How many rows there may be at once.
        limit_bytes: What the blocks of keys and values may take; 0 is as much as there is.
    """

    gathers = True

    def __init__(
        self,
        graph: Path,
        precision: Precision,
        *,
        threads: int,
        window: int,
        slots: int,
        limit_bytes: int = 0,
    ) -> None:
        self.window = window
        self._request = compiled(graph, precision, threads).create_infer_request()
        inputs = self._request.get_compiled_model().inputs
        self._caches = {p.get_any_name(): p for p in inputs if "_cache." in p.get_any_name()}
        self._wants_positions = any(p.get_any_name() == "position_ids" for p in inputs)
        first = next(p for name, p in self._caches.items() if name.startswith("value_cache"))
        self._block = int(first.get_partial_shape()[2].get_length())  # tokens in a block
        self._held: dict[int, _Held] = {}
        self._blocks = self._made(1 + slots * self._blocks_of(window), limit_bytes)
        self._blocks.take()  # nobody's

    @property
    def cache_bytes(self) -> int:
        """What the keys' and values' blocks take, those of rows that have left included."""
        return self._blocks.used_bytes

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        """Keep room for a row of so many tokens; refuse a source: no net here has an encoder.

        Raises:
            ValueError: The row is longer than the window.
            MemoryError: There is no room beside the rows that are in.
        """
        if source is not None:
            raise TypeError("a paged net has no encoder to read a source with")
        if tokens > self.window:
            raise ValueError(f"a row of {tokens} tokens, in a window of {self.window}")
        self._reserve(slot, tokens)

    def encode(self, slot: int, source: Any) -> None:
        """Do nothing: no row has a source here."""

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids (T,) after what the slot holds; return the last position's logits, (V,).

        Raises:
            ValueError: There are no ids, or more than the window has room for; none is read.
            MemoryError: There is no room for a row that had none kept; none is read.
        """
        return self._read_together([slot], [ids])[0]

    def read(self, slots: list[int], chunks: list[list[int]]) -> list[Read]:
        """Read some ids after what each slot holds, in one call; say of each row how that went.

        If the call fails each row is read by itself, so that only the guilty fail.
        """
        try:
            return list(self._read_together(slots, chunks))
        except Exception as error:
            if len(slots) == 1:
                return [error]
            return [
                read
                for slot, ids in zip(slots, chunks, strict=True)
                for read in self.read([slot], [ids])
            ]

    def _read_together(self, slots: list[int], chunks: list[list[int]]) -> torch.Tensor:
        """Read some ids after what each slot holds; return the last logits, (n, V)."""
        parts = [self._part(slot, ids) for slot, ids in zip(slots, chunks, strict=True)]
        return self._run(parts, list(np.cumsum([len(ids) for ids in chunks]) - 1))

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        """Read one token per slot; return their logits, (n, V)."""
        parts = [self._part(s, [token]) for s, token in zip(slots, tokens, strict=True)]
        alone = COMPANY - len(parts)
        parts += [_Part([tokens[0]], _Held(blocks=[NOBODY]))] * alone
        return self._run(parts, list(range(len(parts))))[: len(slots)]

    def score(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids (T,) after what the slot holds; return the logits of all, (T, V)."""
        return self._run([self._part(slot, ids)], list(range(len(ids))))

    def free(self, slot: int) -> None:
        """Forget what the slot holds, and was to hold."""
        held = self._held.pop(slot, None)
        if held is not None:
            self._blocks.give_back(held.blocks)
        if not self._held:
            self._blocks.shrink()

    def _part(self, slot: int, ids: list[int]) -> _Part:
        """Find blocks for what the slot will hold.

        Raises:
            ValueError: No ids, or more than the window has room for.
            MemoryError: More than was kept for the row, and there is no more.
        """
        past = self._held[slot].tokens if slot in self._held else 0
        after = past + len(ids)
        if not ids or after > self.window:
            raise ValueError(f"{len(ids)} tokens after {past}, in a window of {self.window}")
        held = self._reserve(slot, after)
        while len(held.blocks) * self._block < after:
            held.blocks.append(self._blocks.take())
        return _Part(ids, held)

    def _reserve(self, slot: int, tokens: int) -> _Held:
        """Keep blocks for a row of so many tokens, so that others can't take them.

        Raises:
            MemoryError: The other rows' blocks, theirs or kept for them, leave too few.
        """
        held = self._held.get(slot) or _Held()
        needed = max(held.reserved, self._blocks_of(tokens))
        others = sum(other.reserved for other in self._held.values() if other is not held)
        if 1 + others + needed > self._blocks.most:  # one is nobody's
            raise MemoryError(f"{needed} blocks beside {others}, of {self._blocks.most} at most")
        held.reserved = needed
        self._held[slot] = held
        return held

    def _blocks_of(self, tokens: int) -> int:
        """Return how many blocks so many tokens take."""
        return -(-tokens // self._block)

    def _made(self, blocks: int, limit_bytes: int) -> Blocks:
        """Return so many blocks, or as many as the limit allows, and let the net work in them."""
        kinds = {name: (_block_shape(port), _element(port)) for name, port in self._caches.items()}
        if limit_bytes:
            blocks = min(blocks, limit_bytes // bytes_of(kinds))
        made = Blocks(kinds, blocks)
        for name, array in made.arrays.items():
            kind = self._caches[name].get_element_type()
            tensor = ov.Tensor(array, ov.Shape(array.shape), kind)  # it only borrows the array
            self._request.set_tensor(name, tensor)
        return made

    def _run(self, parts: list[_Part], wanted: list[int]) -> torch.Tensor:
        """Run a ragged batch of S rows, T tokens in all; return the wanted tokens' logits.

        If it fails the rows hold what they held: what was written lies behind their ends.

        Args:
            parts: One per row.
            wanted: Places in 0..T-1, in the order of the rows.
        """
        widths = [len(part.ids) for part in parts]
        pasts = [part.held.tokens for part in parts]
        owned = [len(part.held.blocks) for part in parts]
        values: dict[str, Any] = {
            "input_ids": np.array([i for part in parts for i in part.ids], np.int64),  # (T,)
            "past_lens": np.array(pasts, np.int32),  # (S,)
            "subsequence_begins": np.cumsum([0, *widths], dtype=np.int32),  # (S + 1,)
            "block_indices": np.array([b for part in parts for b in part.held.blocks], np.int32),
            "block_indices_begins": np.cumsum([0, *owned], dtype=np.int32),  # (S + 1,)
            "max_context_len": np.array(max(map(operator.add, pasts, widths)), np.int32),
            LAST: np.array(wanted, np.int64),
        }
        if self._wants_positions:
            spans = [np.arange(p, p + width) for p, width in zip(pasts, widths, strict=True)]
            values["position_ids"] = np.concatenate(spans).astype(np.int64)  # (T,)
        for name, value in values.items():
            self._request.set_tensor(name, ov.Tensor(value))
        self._request.infer()
        for part in parts:
            part.held.tokens += len(part.ids)
        logits = self._request.get_output_tensor(0).data  # (len(wanted), 1, V), the request's own
        return torch.from_numpy(logits.reshape(len(wanted), -1).copy())


def _block_shape(port: Any) -> list[int]:
    """Return the shape of a block of one layer's keys or values, (heads, tokens, width)."""
    _, *rest = port.get_partial_shape()
    return [dimension.get_length() for dimension in rest]


def _element(port: Any) -> Any:
    return ELEMENTS[port.get_element_type().get_type_name()]


def compiled(graph: Path, precision: Precision, threads: int) -> Any:
    """Read a graph, turn its attention to blocks and compile it for the CPU.

    The file holds the graph before that turn: the attention's node has notes on its heads that
    files don't keep.
    """
    core = ov.Core()
    model = core.read_model(graph)
    paged_attention_transformation(model)
    _keep_wanted_positions(model)
    settings = {
        "INFERENCE_PRECISION_HINT": precision.inference,
        "KV_CACHE_PRECISION": precision.cache,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # or two workers would pin their threads to the same cores
    }
    return core.compile_model(model, "CPU", settings)


def _keep_wanted_positions(model: Any) -> None:
    """Drop all tokens but those of a new input before the largest product, that with the words."""
    wanted = ops.parameter([-1], ov.Type.i64, name=LAST)
    wanted.output(0).set_names({LAST})
    port = model.get_results()[0].input(0)
    node = port.get_source_output().get_node()
    while node.get_type_name() != "MatMul" and len(node.inputs()):
        port, node = node.input(0), node.input_value(0).get_node()
    if node.get_type_name() == "MatMul":
        port = node.input(0)  # (T, 1, width)
    kept = ops.gather(port.get_source_output(), wanted, ops.constant(np.int64(0)))
    port.replace_source_output(kept.output(0))
    model.add_parameters([wanted])
    model.validate_nodes_and_infer_types()


def capabilities() -> list[str]:
    """Return what this machine's processor can do, in OpenVINO's words, such as ``BF16``."""
    return list(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
