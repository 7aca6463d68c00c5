"""Makes a prepared folder from a transformers net: exports, checks, measures, then shows it."""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from bot.decoding.export import measure, prepared
from bot.decoding.export.graph import NotExportable, converted, save, with_small_weights
from bot.decoding.export.prepared import Prepared, Variant
from bot.decoding.paged import PagedRuntime, Precision, capabilities
from bot.decoding.selftest import SelfTestFailed

EXACT = 1e-3
"""How far a float32 graph may be from torch, in spreads: rounding is a hundred times less."""

SLACK = {"float32": 1e-3, "bfloat16": 0.1, "int8": 0.1}
"""What a later load may be off at least, in spreads: another machine may round otherwise."""

TIMES = 2
"""How many times the error that was measured here a later load may have."""

RANDOM = "[a-z0-9_]{8}"  # what ``mkdtemp`` puts behind a prefix
SHORTEST_SAMPLE = 128
PROMPT = 32  # tokens before the steps that are timed
READ_AT_MOST = 1024  # tokens of the sample, which bound the time that a slow net takes


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that prepares this folder; sweep away what others left half made."""
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        left = re.compile(rf"\.{re.escape(folder.name)}-{RANDOM}")
        for path in folder.parent.iterdir():
            if left.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)
        yield


def export(
    net: Any,
    folder: Path,
    sample: list[int],
    *,
    source: str,
    window: int,
    threads: int,
    seconds: float = 1.0,
) -> Prepared:
    """Prepare a net for the paged runtime; the folder appears when it is whole, or not at all.

    Args:
        net: What ``AutoModelForCausalLM`` gives, in float32 and outside of the inference mode.
        folder: Where to; an older one is replaced.
        sample: The sample text's token ids, (T,), of at least 128.
        source: What the checkpoint's ``fingerprint`` is.
        window: How many tokens a row may have, prompt and answer together.
        threads: How many threads the measurements use.
        seconds: How long each measurement of speed takes, two for each variant.

    Raises:
        NotExportable: The exporter does not know this net, or gets it wrong.
    """
    if len(sample) < SHORTEST_SAMPLE or window < SHORTEST_SAMPLE:
        raise NotExportable(f"the sample or the window has fewer than {SHORTEST_SAMPLE} tokens")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with torch.no_grad():
            made = _Making(net, beside, sample, window, threads, seconds).done(source)
        prepared.write(beside, made)
        _replace(folder, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return made


def _replace(folder: Path, new: Path) -> None:
    """Put a folder in another's place; who has the old one's files open keeps them."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.replace(old)
        new.replace(folder)
        shutil.rmtree(old)
    else:
        new.replace(folder)


def _is_sane(variant: Variant) -> bool:
    """Say whether a variant may be kept: large numbers may be too large for small types."""
    return math.isfinite(variant.perplexity) and math.isfinite(variant.error)


class _Making:
    """One folder in the making."""

    def __init__(
        self, net: Any, folder: Path, sample: list[int], window: int, threads: int, seconds: float
    ) -> None:
        self._folder, self._window, self._threads = folder, window, threads
        self._seconds = seconds
        self._sample = sample[: min(window, READ_AT_MOST)]
        self._transformer = net
        self._net = measure.net_of(net)
        self._best = "bf16" if "BF16" in capabilities() else "f32"

    def done(self, source: str) -> Prepared:
        """Make everything but ``prepared.json``; return what it shall say."""
        own = self._net(torch.tensor(self._sample))  # (T, V)
        self._spread = float(own.std(-1).mean())
        self._references = measure.references(self._net, self._sample)
        model = converted(self._transformer)
        save(model, self._folder / "float32.xml")
        variants = {"float32": self._variant("float32", "float32.xml", "f32")}
        if self._best == "bf16":
            variants["bfloat16"] = self._variant("bfloat16", "float32.xml", "bf16")
        save(with_small_weights(model), self._folder / "int8.xml")
        variants["int8"] = self._variant("int8", "int8.xml", self._best)
        sane = {name: found for name, found in variants.items() if _is_sane(found)}
        if "float32" not in sane:
            raise NotExportable("its rows have no numbers for logits, or not the same in company")
        return Prepared(
            format=prepared.FORMAT,
            versions=prepared.versions(),
            machine=prepared.machine(),
            source=source,
            window=self._window,
            perplexity=measure.perplexity(own, self._sample),
            spread=self._spread,
            references=self._references,
            variants=sane,
        )

    def _variant(self, name: str, graph: str, kind: str) -> Variant:
        """Measure one variant; the first must be exact, or nothing is served."""
        runtime = self._opened(graph, kind)
        if name == "float32":
            off = measure.exactness(runtime, self._net, self._sample, self._window) / self._spread
            if off > EXACT:
                raise NotExportable(f"its graph is {off:.2g} spreads off the net")
        try:
            error = measure.distance(runtime, self._references, self._spread)
        except SelfTestFailed:  # not the same bits in company
            error = math.inf
        prompt, room = self._sample[:PROMPT], self._window - PROMPT
        alone, crowd = (
            measure.speed(runtime, prompt, rows, self._seconds, room) for rows in (1, measure.CROWD)
        )
        logits = measure.read_by(runtime, self._sample)
        return Variant(
            graph=graph, inference=kind, cache=kind,
            perplexity=measure.perplexity(logits, self._sample),
            error=error, margin=max(SLACK[name], TIMES * error), alone=alone, crowd=crowd,
        )  # fmt: skip

    def _opened(self, graph: str, kind: str) -> PagedRuntime:
        precision = Precision(inference=kind, cache=kind)
        try:
            return PagedRuntime(
                self._folder / graph, precision,
                threads=self._threads, window=self._window, slots=measure.CROWD,
            )  # fmt: skip
        except RuntimeError as error:  # OpenVINO knows no narrower
            raise NotExportable(f"its graph can't be paged: {error}") from error
