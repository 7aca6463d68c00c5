"""Writes docs/models.md out of the catalogue and of what trials measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.catalogue.catalogue import has_family
from bot.catalogue.sources import Folder, Hub, Package, source_of

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.trials.measured import Measured, Timing

HEAD = """\
# Models

Every model of the catalogue. This page is written by `python -m bot models document` out of
[models.toml](../bot/catalogue/models.toml), [starters.toml](../bot/catalogue/starters.toml) and
[measured.toml](measured.toml); a test sees to it that it is current. To add one, see
[adding-a-model.md](adding-a-model.md).

Where something was *measured*, it was by `python -m bot models check ID --synthetic`: the ordinary
fetch, conversion, worker and job, with one worker that has the machine to itself. The hub could not
be reached where this was built, so a model of the hub has the very files of its repository, with
weights of chance: that says how long it works and what it takes, not how good its answers are.
Starters have their own weights. Seconds are from the submission of a job to its answer, the best of
a few after the first. Memory is the most that the worker had, libraries (about 300 MB) and mapped
weights counted; in brackets what of it was its own. Models that write texts ran on torch; those
that can be prepared for OpenVINO write several times faster then
([architecture](architecture.md#the-decoding-engine)).
"""
MILLION, BILLION = 1_000_000, 1_000_000_000
NONE = "-"


def models_page(models: Sequence[Model], measured: Mapping[str, Measured]) -> str:
    """Return the text of docs/models.md."""
    parts = [HEAD, _where(measured), _overview(models, measured)]
    for task in dict.fromkeys(model.tasks[0] for model in models):
        parts.append(f"## /{task}\n")
        parts += [_section(m, measured.get(m.id)) for m in models if m.tasks[0] == task]
    return "\n".join(filter(None, parts))


def _where(measured: Mapping[str, Measured]) -> str:
    """Say on which machines it was measured, and when."""
    if not measured:
        return ""
    dates: dict[str, list[str]] = {}
    for one in measured.values():
        dates.setdefault(f"{one.machine}, threads: {one.threads}", []).append(one.date)
    told = (f"{machine} ({_span(days)})" for machine, days in dates.items())
    return f"Measured on: {'; '.join(told)}.\n"


def _span(days: Sequence[str]) -> str:
    first, last = min(days), max(days)
    return first if first == last else f"{first} to {last}"


def _overview(models: Sequence[Model], measured: Mapping[str, Measured]) -> str:
    heads = ("model", "tasks", "parameters", "to fetch", "memory", "an answer")
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    anchors = Counter(_anchor(model.title) for model in models)
    for model in models:
        one, anchor = measured.get(model.id), _anchor(model.title)
        cells = (
            f"[{model.title}](#{anchor})" if anchors[anchor] == 1 else model.title,
            ", ".join(f"/{task}" for task in model.tasks),
            _count(model.params) if model.params else NONE,
            f"{model.size_mb:,} MB" if model.size_mb else NONE,
            _memory(model, one) or NONE,
            _answer(one.job[0]) if one else _standing(model) or NONE,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _section(model: Model, measured: Measured | None) -> str:
    told = "\n".join(f"- {key}: {text}" for key, text in _facts(model, measured) if text)
    note = f"{model.note}\n\n" if model.note else ""
    return f"### {model.title}\n\n{note}{told}\n"


def _facts(model: Model, measured: Measured | None) -> Iterator[tuple[str, str]]:
    names = ", ".join(f"`{name}`" for name in (model.id, *model.aliases))
    yield "called", names
    yield "tasks", ", ".join(f"/{task}" for task in model.tasks)
    yield "from", _origin(model)
    yield "licence", _licence(model)
    yield "status", _standing(model)
    yield "parameters", _count(model.params) if model.params else ""
    yield "held in", f"{model.dtype}, by the family `{model.family}`"
    yield "on disk", _disk(model, measured)
    yield "memory", _memory(model, measured)
    yield "languages", _languages(model)
    yield "limits", _limits(model)
    if measured is not None:
        yield "loaded", f"in {measured.load_s:g} s"
        yield "measured", "; ".join(map(_timing, measured.job))
        yield "runs", measured.note


def _origin(model: Model) -> str:
    match source_of(model):
        case Hub(repositories):
            return " and ".join(f"{one.repo} at `{one.revision}`" for one in repositories)
        case Package() as package:
            return f"the package {package.pin} (starter)"
        case Folder(path, ours=True):
            return f"[trained by this project](../bot/starters/{path.name}/README.md) (starter)"
        case Folder(path):
            return str(path)


def _licence(model: Model) -> str:
    text = model.licence
    if model.licence_url:
        text = f"[{text}]({model.licence_url})"
    if model.acknowledge:
        text += f", to be accepted as `{model.acknowledge}`"
    return f"{text}; by {model.attribution}" if model.attribution else text


def _standing(model: Model) -> str:
    """Return why a model does not do all that its like do, or an empty text."""
    if not has_family(model.family):
        return "its family is not built yet"
    return "" if model.status == "ok" else f"{model.status}: {model.reason}"


def _disk(model: Model, measured: Measured | None) -> str:
    if measured is None:
        return f"{model.size_mb:,} MB to fetch" if model.size_mb else ""
    text = f"{measured.fetched_mb:,} MB to fetch"
    if measured.convert_s is not None:
        text += f", written anew in {measured.convert_s:g} s as"
    return text + (f" {measured.disk_mb:,} MB" if measured.convert_s is not None else "")


def _memory(model: Model, measured: Measured | None) -> str:
    if measured is not None:
        return f"{measured.peak_mb:,} MB ({measured.own_mb:,})"
    return f"at least {model.needed_mb:,} MB" if model.needed_mb else ""


def _languages(model: Model) -> str:
    codes = ", ".join(model.languages)
    return f"{len(model.languages)}: {codes}" if len(model.languages) > 1 else codes


def _limits(model: Model) -> str:
    limits = model.limits
    told = [f"{limits.max_input_chars:,} characters"]
    if limits.max_input_tokens:
        told.append(f"{limits.max_input_tokens:,} tokens read")
    told += [f"{limits.max_new_tokens:,} written", f"{limits.max_seconds} s"]
    return ", ".join(told)


def _timing(timing: Timing) -> str:
    text = f"{timing.what} in {_seconds(timing.best_s)}"
    if timing.part:
        text += f", {_seconds(timing.each_s)} a {timing.part}"
    if timing.tokens_per_s is not None:
        text += f", {timing.tokens_per_s:.0f} tokens/s"
    if timing.met is not None:
        text += f" (the bar is {timing.bar_s:g} s: {'met' if timing.met else 'not met'})"
    return text


def _answer(timing: Timing) -> str:
    return f"{_seconds(timing.best_s)}: {timing.what}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _count(params: int) -> str:
    """Return a number of parameters as people say it."""
    for unit, name in ((BILLION, "billion"), (MILLION, "million")):
        if params >= unit:
            return f"{params / unit:.3g} {name}"
    return f"{params:,}"


def _anchor(title: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
