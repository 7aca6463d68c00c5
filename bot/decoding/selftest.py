"""A net tests itself when it is loaded: rows in a batch must get what each gets alone.

transformers changes, and an architecture may do with its positions what nobody thought of; such a
net would not fail, but write nonsense. It takes a moment, and names the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from bot.decoding.engine import Runtime
    from bot.decoding.wiring import Wiring

LOOSE = 0.5
MARGINS = {torch.float32: 1e-3, torch.bfloat16: LOOSE}
"""How far logits may lie from the reference, in standard deviations of the logits.

A trained net in bfloat16 is off by 0.15 on tokens of chance by rounding alone; a row that sees
another's tokens, or has the wrong position, by more than 1.
"""

WORST_SURPRISE = 0.02
"""How much surprise rounding to bytes may add, in nats a token, on tokens of chance.

SmolLM2, which bears bytes badly, has 0.11 there and reads plain prose 6 % worse; with its inputs in
two bytes 0.012 and 0.4 %; in bfloat16 0.005 and nothing. The bar for what OpenVINO runs is 1 %.
"""

PROMPTS = (5, 19)
PIECE = 10
STEPS = 2


class SelfTestFailed(Exception):
    """A runtime gives rows in a batch something else than each gets by itself."""


def reference(runtime: Runtime, wiring: Wiring) -> list[torch.Tensor]:
    """Return the logits of the test's rows, each by itself, (STEPS + 1, V) a row.

    The tokens are the same in every run: what is compared is arithmetic, not choice.
    """
    return [torch.stack(list(_alone(runtime, wiring, n))) for n in range(len(PROMPTS))]


def check(
    runtime: Runtime, wiring: Wiring, expected: list[torch.Tensor], *, rounded: bool = False
) -> list[torch.Tensor]:
    """Compare the rows of a batch, of which one joins late, with each by itself.

    Args:
        runtime: What runs the batch.
        wiring: Its net.
        expected: What :func:`reference` returned.
        rounded: Whether the layers are rounded beyond the net's dtype.

    Returns:
        The batch's logits, as ``expected`` has them.

    Raises:
        SelfTestFailed: They differ by more than rounding explains.
    """
    found: list[list[torch.Tensor]] = [[] for _ in PROMPTS]
    found[0].append(_begin(runtime, wiring, 0))
    found[0].append(runtime.step([0], [_token(wiring, 0, 0)])[0])
    found[1].append(_begin(runtime, wiring, 1))
    for step in range(STEPS - 1):
        both = [_token(wiring, 0, step + 1), _token(wiring, 1, step)]
        for number, logits in enumerate(runtime.step([0, 1], both)):
            found[number].append(logits)
    runtime.free(0)
    found[1].append(runtime.step([1], [_token(wiring, 1, STEPS - 1)])[0])
    runtime.free(1)
    margin = LOOSE if rounded else MARGINS.get(wiring.net.dtype, LOOSE)
    stacked = [torch.stack(logits) for logits in found]
    for number, logits in enumerate(stacked):
        apart = _apart(logits, expected[number])
        if not apart <= margin:
            raise SelfTestFailed(
                f"row {number} of a batch differs from the same row alone by {apart:.2g} standard "
                "deviations of its logits"
            )
    return stacked


def surprise(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Return how much more surprising the net's own words are to what was found, in nats a token.

    Args:
        found: Logits of each row, (STEPS + 1, V).
        expected: Those of the net as it came.
    """
    own, theirs = (torch.cat(rows).double().log_softmax(-1) for rows in (expected, found))
    return float((own.exp() * (own - theirs)).sum(-1).mean())


def _alone(runtime: Runtime, wiring: Wiring, number: int) -> Any:
    yield _begin(runtime, wiring, number)
    for step in range(STEPS):
        yield runtime.step([number], [_token(wiring, number, step)])[0]
    runtime.free(number)


def _begin(runtime: Runtime, wiring: Wiring, number: int) -> torch.Tensor:
    luck = torch.Generator().manual_seed(number)
    size = wiring.decoder_config.vocab_size
    ids = torch.randint(0, size, (PROMPTS[number],), generator=luck).tolist()
    source = _source(wiring, ids, luck) if wiring.has_encoder else None
    if wiring.has_encoder:
        ids = ids[: 1 + number]
    runtime.begin(number, len(ids) + STEPS, source)
    if source is not None:
        runtime.encode(number, source)
    logits = torch.empty(0)
    for at in range(0, len(ids), PIECE):  # a long prompt is read in pieces
        logits = runtime.extend(number, ids[at : at + PIECE])
    return logits


def _source(wiring: Wiring, ids: list[int], luck: torch.Generator) -> Any:
    if not wiring.reads_pictures:
        return tuple(ids)
    config = wiring.net.config.encoder
    side = config.image_size
    height, width = (side, side) if isinstance(side, int) else side
    return torch.randn(config.num_channels, height, width, generator=luck)


def _token(wiring: Wiring, number: int, step: int) -> int:
    return int((1 + number + 2 * step) * 7919 % wiring.decoder_config.vocab_size)


def _apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the greatest difference in standard deviations; NaN never passes."""
    return float((found - expected).abs().max() / expected.std().clamp_min(1e-6))
