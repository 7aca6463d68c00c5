"""Makes a model ready to decode: the fastest runtime that is right for it.

On torch: the linear layers are laid out for few rows, the arena is tried against transformers' own
cache, and where it fails each row is stepped by itself. A decoder-only model that was prepared for
OpenVINO (:mod:`bot.decoding.export`) needs no torch at all.
"""

from __future__ import annotations

import functools
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bot.decoding import attention, linears, selftest
from bot.decoding.arena import ArenaRuntime
from bot.decoding.beams import BeamSearches
from bot.decoding.engine import Engine
from bot.decoding.export import prepared
from bot.decoding.solo import SoloRuntime
from bot.decoding.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenizers import Tokenizer

    from bot.catalogue.model import Model

WORTH_IT = 1.3
"""How much faster bfloat16 must be than float32 to be worth its rounding."""

IN_BYTES = "in int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the operator wants texts to be written; a worker reads it from its environment.

    ``pack_bytes`` is how large a net may be to have its weights copied into the faster layout, and
    ``arena_bytes`` how much its texts under way may take, 0 for any; ``prepared`` is the folder of
    what was prepared for OpenVINO, by model.
    """

    runtime: str = "torch"
    dtype: str = "auto"
    threads: int = 1
    pack_bytes: int = 0
    arena_bytes: int = 0
    prepared: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Serving:
        """Read it; a process that nobody told serves what it is given, on torch."""
        folder = environ.get("MENAGERIE_PREPARED", "")
        return cls(
            runtime=environ.get("MENAGERIE_RUNTIME", "torch"),
            dtype=environ.get("MENAGERIE_DTYPE", "as stored"),
            threads=int(environ.get("MENAGERIE_THREADS", "1")),
            pack_bytes=int(environ.get("MENAGERIE_PACK_BYTES", "0")),
            arena_bytes=int(environ.get("MENAGERIE_ARENA_BYTES", "0")),
            prepared=Path(folder) if folder else None,
        )

    def torch_dtype(self, model: Model) -> torch.dtype:
        """Return what torch is to hold a model in: bfloat16 where this machine is fast at it."""
        wanted = self.dtype if self.dtype in ("float32", "bfloat16") else model.dtype
        if self.dtype in ("auto", "int8") and is_fast_in_bfloat16():
            wanted = "bfloat16"  # what is not in bytes is in this
        if wanted == "bfloat16" and not linears.has_bfloat16():
            wanted = "float32"
        return getattr(torch, wanted)  # type: ignore[no-any-return]

    def wants_bytes(self, wiring: Wiring) -> bool:
        """Say whether a net's linear layers are to be held in bytes, if it bears that.

        Those without an encoder are OpenVINO's, and torch's only until they are prepared.
        """
        wanted = self.dtype in ("auto", "int8") and wiring.has_encoder
        return wanted and linears.has_bytes()


@functools.cache
def is_fast_in_bfloat16() -> bool:
    """Measure, in some 20 ms, whether this machine multiplies in bfloat16 faster."""
    if not linears.has_bfloat16():
        return False
    x, weight = torch.ones(8, 1024), torch.ones(4096, 1024)
    times = []
    for dtype in (torch.float32, torch.bfloat16):
        layer, rows = linears.PackedLinear(weight.to(dtype), None), x.to(dtype)
        times.append(min(_seconds(layer, rows) for _ in range(5)))
    return times[0] > WORTH_IT * times[1]


def _seconds(layer: linears.PackedLinear, rows: torch.Tensor) -> float:
    began = time.perf_counter()
    layer(rows)
    return time.perf_counter() - began


@torch.no_grad()
def open_engine(
    net: Any,
    tokenizer: Tokenizer,
    end_ids: frozenset[int],
    slots: int,
    serving: Serving | None = None,
) -> Engine:
    """Return an engine on a transformers net; ``Engine.note`` says what it could not do.

    Args:
        net: A causal language model, an encoder-decoder of text, or one of pictures.
        tokenizer: Turns tokens into text.
        end_ids: The ids that end a text.
        slots: How many rows may be in at once.
        serving: What the operator wants; what the environment says where it is ``None``.
    """
    serving = serving or Serving.from_environ()
    wiring = Wiring(net)
    size = sum(p.numel() * p.element_size() for p in net.parameters())
    packs = size <= serving.pack_bytes
    rounds = packs and serving.wants_bytes(wiring)
    if not rounds:
        linears.relay(net, "packed" if packs else "plain")
    note, wide = "", False
    try:
        reference = selftest.reference(SoloRuntime(wiring), wiring)  # of the net as it came
        wide = attention.widen(wiring.decoder())
        runtime: Any = ArenaRuntime(wiring, wide=wide, limit_bytes=serving.arena_bytes)
        if rounds:
            note = _round(runtime, wiring, reference, at_any_price=serving.dtype == "int8")
        if note != IN_BYTES:
            selftest.check(runtime, wiring, reference)
    except Exception as error:  # whatever it is: what is slow and right can still serve
        sys.stderr.write("".join(traceback.format_exception(error)))
        if wide:
            attention.narrow(wiring.decoder())
            wide = False
        runtime = SoloRuntime(wiring)
        note = f"one row at a time: {error or type(error).__name__}"
    searches = BeamSearches(wiring, end_ids, wide=wide)
    spare = slots if wiring.has_encoder else 0  # only their jobs have several rows at once
    return Engine(runtime, tokenizer, end_ids, slots, searches, spare=spare, note=note)


def _round(
    runtime: Any, wiring: Wiring, reference: list[torch.Tensor], *, at_any_price: bool
) -> str:
    """Hold a net's linear layers in bytes, or pack them if it bears that badly; say which."""
    replaced = linears.relay(wiring.net, "bytes")
    try:
        found = selftest.check(runtime, wiring, reference, rounded=True)
        added = selftest.surprise(found, reference)
        if not (added <= selftest.WORST_SURPRISE or at_any_price):
            raise selftest.SelfTestFailed(f"it would add a surprise of {added:.2g} nats a token")
    except Exception as error:  # whatever it is: the net as it came can still serve
        linears.restore(replaced)
        linears.relay(wiring.net, "packed")
        for slot in range(len(selftest.PROMPTS)):
            runtime.free(slot)
        return f"not in int8: {error or type(error).__name__}"
    return IN_BYTES


@dataclass(frozen=True, slots=True)
class Prepared:
    """A runtime that needs no net, or why there is none.

    ``missing`` says that the model could be prepared and is not.
    """

    runtime: Any = None
    note: str = ""
    missing: bool = False
    size_bytes: int = 0


def open_prepared(model: Model, folder: Path, serving: Serving) -> Prepared:
    """Return the runtime of a decoder-only model that was prepared for OpenVINO.

    Args:
        model: The catalogue's entry.
        folder: Its checkpoint; what was prepared from an older one is not used.
        serving: What the operator wants.
    """
    if serving.runtime == "torch" or serving.prepared is None:
        return Prepared()
    place = serving.prepared / model.id
    source = prepared.fingerprint(folder)
    if (reason := prepared.refusal(place, source)) is not None:
        return Prepared(note=f"on torch, for OpenVINO cannot run it: {reason}")
    if not prepared.is_current(place, source):
        return Prepared(note="on torch, until it is prepared for OpenVINO", missing=True)
    try:
        # after the check, and not with the module: openvino takes half a second
        from bot.decoding.export.opening import open_prepared as opened

        name = prepared.choose(place, serving.dtype)
        size_bytes = prepared.size_of(place, name)
        runtime = opened(
            place, name,
            threads=serving.threads, slots=model.slots, limit_bytes=serving.arena_bytes,
        )  # fmt: skip
    except Exception as error:  # whatever it is: torch can still serve
        sys.stderr.write("".join(traceback.format_exception(error)))
        return Prepared(note=f"on torch, for OpenVINO failed: {str(error) or repr(error)}")
    return Prepared(runtime, f"on OpenVINO, {name}", size_bytes=size_bytes)
