"""How near a runtime comes to the net itself, and how fast: references, perplexity, speed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from bot.decoding.export.prepared import Prepared, Reference
from bot.decoding.selftest import SelfTestFailed

if TYPE_CHECKING:
    from bot.decoding.paged import PagedRuntime

CHUNK = 128
"""How many tokens of a prompt are read at once, as the engine does."""

PROMPTS = (9, 70)
"""Tokens in the prompts of the references; the longer is read in pieces, over borders of blocks."""

PIECE = 40
NEW_TOKENS = 6
TOP = 8
CHECKED = (1, 31, 33, CHUNK + 1, 2 * CHUNK + 40)
"""Tokens in the prompts on which a new graph is held against torch."""

CHECKED_STEPS = 12
FIRST, SECOND, TWIN = 0, 1, 2  # slots
CROWD = 8

Net = Callable[[torch.Tensor], torch.Tensor]
"""From ids (T,) to logits (T, V), in float32."""


def net_of(transformer: Any) -> Net:
    """Return a transformers net as a function of one text, without a cache."""

    def read(ids: torch.Tensor) -> torch.Tensor:
        return transformer(input_ids=ids[None], use_cache=False).logits[0].float()  # type: ignore[no-any-return]

    return read


def references(net: Net, sample: list[int]) -> list[Reference]:
    """Return what the net makes of two prompts from the sample text, greedily."""
    found, at = [], 0
    for length in PROMPTS:
        prompt, at = sample[at : at + length], at + length
        ids = torch.tensor(prompt)
        logits = []
        for _ in range(NEW_TOKENS):
            logits.append(net(ids)[-1])  # (V,)
            ids = torch.cat([ids, logits[-1].argmax()[None]])
        best = [row.topk(min(TOP, row.numel())) for row in logits]
        found.append(
            Reference(
                prompt=prompt,
                tokens=ids[len(prompt) :].tolist(),
                top=[row.indices.tolist() for row in best],
                logits=[row.values.tolist() for row in best],
            )
        )
    return found


def distance(runtime: PagedRuntime, found: list[Reference], spread: float) -> float:
    """Let the runtime read the references; return its largest distance from them, in spreads.

    Raises:
        SelfTestFailed: A row has other logits in company than by itself.
    """
    first, second = found
    alone = [_last(runtime, FIRST, first.prompt)]
    alone += [runtime.step([FIRST], [token])[0] for token in first.tokens[:-1]]
    twin = [_last(runtime, TWIN, first.prompt)]
    beside = [_last(runtime, SECOND, second.prompt)]
    for one, other in zip(first.tokens[:-1], second.tokens[:-1], strict=True):
        rows = runtime.step([SECOND, TWIN], [other, one])
        beside.append(rows[0])
        twin.append(rows[1])
    for slot in (FIRST, SECOND, TWIN):
        runtime.free(slot)
    if not torch.equal(torch.stack(alone), torch.stack(twin)):
        raise SelfTestFailed("a row's logits depend on its neighbour")
    return max(_off(alone, first), _off(beside, second)) / spread


def _last(runtime: PagedRuntime, slot: int, prompt: list[int], piece: int = PIECE) -> torch.Tensor:
    """Read a prompt in pieces; return the last logits, (V,)."""
    pieces = [prompt[at : at + piece] for at in range(0, len(prompt), piece)]
    return [runtime.extend(slot, ids) for ids in pieces][-1]


def _off(mine: list[torch.Tensor], found: Reference) -> float:
    """Return the largest distance of a row's logits, N of (V,), from the reference's."""
    rows = zip(mine, found.top, found.logits, strict=True)
    far = [(row[ids] - torch.tensor(logits)).abs().max() for row, ids, logits in rows]
    worst = float(torch.stack(far).max())
    return worst if math.isfinite(worst) else math.inf  # NaN is near nothing


def self_test(runtime: PagedRuntime, prepared: Prepared, name: str) -> None:
    """Let a runtime read the references alone and joined.

    Raises:
        SelfTestFailed: It is farther from them than rounding explains.
    """
    margin = prepared.variants[name].margin
    error = distance(runtime, prepared.references, prepared.spread)
    if error > margin:
        raise SelfTestFailed(f"{name} is {error:.2g} spreads off the net; {margin:.2g} is allowed")


def exactness(runtime: PagedRuntime, net: Net, sample: list[int], window: int) -> float:
    """Return the largest distance from torch over prompts of many lengths, then joined steps.

    Nothing in it is told of the cache: torch reads each text as a whole.
    """
    room = min(window, len(sample)) - CHECKED_STEPS
    lengths = [length for length in CHECKED if length <= room]
    texts = [sample[-(length + CHECKED_STEPS) :] for length in lengths]
    whole = [net(torch.tensor(text)) for text in texts]  # of (T, V)
    worst = 0.0
    for slot, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        logits = _last(runtime, slot, text[:length], CHUNK)
        worst = max(worst, _far(logits, whole[slot][length - 1]))
    for step in range(CHECKED_STEPS):
        present = range(step % 2, len(lengths))  # the first row comes to every other step
        places = [lengths[s] + (step // 2 if s == 0 else step) for s in present]
        rows = runtime.step(
            list(present), [texts[s][at] for s, at in zip(present, places, strict=True)]
        )
        for slot, at, row in zip(present, places, rows, strict=True):
            worst = max(worst, _far(row, whole[slot][at]))
    for slot in range(len(lengths)):
        runtime.free(slot)
    return worst


def _far(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    far = float((mine - theirs).abs().max())
    return far if math.isfinite(far) else math.inf


def perplexity(logits: torch.Tensor, ids: list[int]) -> float:
    """Return how surprising ids (T,) are to one who gave logits (T, V)."""
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))
    return float(loss.double().exp())


def read_by(runtime: PagedRuntime, ids: list[int]) -> torch.Tensor:
    """Return the logits (T, V) that a runtime gives ids (T,), read as prompts are."""
    chunks = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
    logits = torch.cat([runtime.score(FIRST, chunk) for chunk in chunks])
    runtime.free(FIRST)
    return logits


def speed(runtime: PagedRuntime, prompt: list[int], rows: int, seconds: float, most: int) -> float:
    """Return the tokens/s of so many rows together, by the step faster than three in four.

    Others may be at work on the machine, and it is not they who are measured. Prompts don't count.
    It takes so many seconds at most, and ``most`` steps: what the window has room for.
    """
    slots = list(range(rows))
    times: list[float] = []
    for slot in slots:
        runtime.extend(slot, prompt)
    until = time.perf_counter() + seconds
    while len(times) < most and (not times or time.perf_counter() < until):
        start = time.perf_counter()
        runtime.step(slots, [prompt[0]] * rows)
        times.append(time.perf_counter() - start)
    for slot in slots:
        runtime.free(slot)
    return rows / sorted(times)[len(times) // 4]
