"""The table, the ratios with their bars, and the distance to what memory allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .bandwidth import ceiling
from .race import words

if TYPE_CHECKING:
    from .race import Outcome

CLOSED, OPEN = "closed", "open"
HEADINGS = {CLOSED: "All at once", OPEN: "Poisson arrivals, exponential lengths"}
OURS = "ours"
COLUMNS = ("tok/s", "p50 s", "p95 s", "first p50", "first p95", "MB", "same")
BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0}


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours against a rival; ``bar`` is the least (or, with ``below``, the most) that will do."""

    what: str
    value: float | None
    bar: float
    below: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the bar is met; ``None`` where one of the two was not measured."""
        if self.value is None:
            return None
        return self.value <= self.bar if self.below else self.value >= self.bar

    def line(self) -> str:
        """Return it as a line of text."""
        if self.value is None:
            return f"  {'?':>7}  {'':4}  {self.what} (not measured)"
        sign, verdict = ("<=" if self.below else ">="), ("pass" if self.passed else "FAIL")
        return f"  {self.value:6.2f}x  {verdict}  {self.what} (bar {sign} {self.bar:g})"


def table(outcomes: list[Outcome], workload: str, reference: dict[int, str]) -> list[str]:
    """Return a workload's figures as lines; ``same`` counts answers equal to those of (a)."""
    lines = [f"{HEADINGS[workload]}", f"{'':44}" + "".join(f"{name:>10}" for name in COLUMNS)]
    for outcome in outcomes:
        found = outcome.figures.get(workload)
        label = f"({outcome.key}) {outcome.title}"[:44]
        if found is None:
            lines.append(f"{label:44}  {(outcome.error or 'not measured')[:140]}")
            continue
        same = sum(outcome.texts.get(number) == text for number, text in reference.items())
        agreement = f"{same}/{len(reference)}" if workload == CLOSED and reference else ""
        seconds = ("latency_p50_s", "latency_p95_s", "first_p50_s", "first_p95_s")
        cells = [f"{found['tokens_per_s']:.1f}", *(f"{found[name]:.2f}" for name in seconds)]
        cells += [f"{outcome.peak_mb:.0f}", agreement]
        note = f"  {found['requests']:.0f} requests" if workload == OPEN else ""
        lines.append(f"{label:44}" + "".join(f"{cell:>10}" for cell in cells) + note)
    return lines


def choices(outcomes: list[Outcome]) -> list[str]:
    """Return which settings were chosen among which."""
    return [
        f"  ({one.key}) {words(one.settings)}"
        + "".join(f"; {name}: {speed:.0f}" for name, speed in one.tries.items())
        for one in outcomes
        if one.figures
    ]


def fastest(outcomes: list[Outcome], workload: str = CLOSED) -> Outcome | None:
    """Return the outcome with most tokens a second."""
    ran = [one for one in outcomes if workload in one.figures]
    return max(ran, key=lambda one: one.figures[workload]["tokens_per_s"], default=None)


def over(
    ours: Outcome | None, rival: Outcome | None, workload: str, name: str = "tokens_per_s"
) -> float | None:
    """Return our figure over the rival's."""
    mine = ours.figure(workload, name) if ours else None
    theirs = rival.figure(workload, name) if rival else None
    return round(mine / theirs, 4) if mine is not None and theirs else None


def ratios(outcomes: list[Outcome], gated: tuple[str, ...]) -> list[Ratio]:
    """Return every ratio that has a bar.

    Args:
        outcomes: Of all contestants.
        gated: Keys of our variants whose quality has been checked.
    """
    by_key = {one.key: one for one in outcomes}
    ours = [one for one in outcomes if one.key.startswith(OURS)]
    product = [one for one in ours if not one.settings.get("inference", {}).get("workers")]
    exact = fastest([one for one in product if one.dtype == "float32"])
    best = fastest([one for one in product if one.key in gated])
    torch = by_key.get(f"{OURS}-torch-fp32")
    a, b, c, d, f = (by_key.get(key) for key in "abcdf")
    found = [
        Ratio("(a), all at once, exact fp32", over(exact, a, CLOSED), 12),
        Ratio("(a), all at once, best dtype of good quality", over(best, a, CLOSED), 20),
        Ratio("(a), all at once, torch runtime in fp32", over(torch, a, CLOSED), 5),
        Ratio("(b) static batches, Poisson", over(exact, b, OPEN), 2.5),
        Ratio(
            "(c) generate_batch, all at once, best dtype of good quality", over(best, c, CLOSED), 3
        ),
        Ratio("(c) generate_batch, Poisson, best dtype of good quality", over(best, c, OPEN), 3),
        Ratio("(c) generate_batch, all at once, exact fp32", over(exact, c, CLOSED), 3),
        Ratio("(c) generate_batch, Poisson, exact fp32", over(exact, c, OPEN), 3),
        Ratio(
            "(a)'s p95 time to first token, all at once",
            over(exact, a, CLOSED, "first_p95_s"),
            0.1,
            below=True,
        ),
        Ratio("(d) LitServe, all at once", over(exact, d, CLOSED), 1),
        Ratio("(d) LitServe, Poisson", over(exact, d, OPEN), 1),
        Ratio("(f) transformers serve, all at once", over(exact, f, CLOSED), 1),
        Ratio("(f) transformers serve, Poisson", over(exact, f, OPEN), 1),
    ]
    for key, dtype in (("e-fp32", "float32"), ("e-int8", "int8")):
        equal = fastest([one for one in product if one.dtype == dtype])
        for workload in (CLOSED, OPEN):
            what = f"(e) CTranslate2 {dtype}, {HEADINGS[workload].split(',')[0].lower()}"
            found.append(Ratio(what, over(equal, by_key.get(key), workload), 1))
    found.append(Ratio("(a), all at once: beyond the bars", over(best, a, CLOSED), 30))
    return found


def distance(
    outcomes: list[Outcome], speed: float, rows: int, params: int, row_values: float
) -> dict[str, dict[str, float]]:
    """Return, for each that ran all at once, the ceiling by memory and the share of it reached.

    Args:
        outcomes: Of all contestants.
        speed: Gigabytes read in a second.
        rows: Requests at once.
        params: Parameters that a step reads.
        row_values: Numbers in the cache of one row, on the average over its life.
    """
    found = {}
    for one in outcomes:
        reached = one.figure(CLOSED, "tokens_per_s")
        if reached is None:
            continue
        size = BYTES[one.dtype]
        cache = row_values * max(size, 2.0)  # nobody here keeps its cache in 8 bits
        most = ceiling(speed, rows, params * size, cache)
        found[one.key] = {"ceiling": round(most, 1), "share": round(reached / most, 4)}
    return found
