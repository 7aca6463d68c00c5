"""What is said of a model: what it is, what it takes, whether it is here, how far its fetch is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.ui.findings import bar
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from bot.catalogue.download import Fetching
    from bot.catalogue.model import Model
    from bot.service import Known

MEGABYTE = 1_000_000
WORDS = {
    "waiting": "waiting for its turn",
    "copying": "copying",
    "unpacking": "unpacking",
    "converting": "converting",
    "training": "training",
    "checking": "checking every file",
}
"""How a stage of a fetch is called; a download has its bar."""

MANY = 12
"""Languages that are listed; of more only the number is."""


def card(known: Known) -> str:
    """Return what people are told of a model."""
    model = known.model
    tasks = " ".join(f"/{task}" for task in model.tasks)
    lines = [
        f"**{model.title}** `{model.id}` · {tasks}",
        model.note,
        f"Licence: {_licence(model)}",
        f"Credit: {model.attribution}" if model.attribution else "",
        f"Takes: {_needs(model)}",
        f"Languages: {_languages(model)}" if model.languages else "",
        f"Limits: {_limits(model)}",
        (model.status == "needs-finetune" and f"No other task: {model.reason}") or "",
        f"Here: {_state(known)}",
    ]
    return clip("\n".join(filter(None, lines)), CONTENT)


def progress(model: Model, fetching: Fetching) -> str:
    """Return how far a fetch is."""
    done, total = fetching.done_bytes, fetching.total_bytes
    if (share := fetching.share) is not None:
        of = f"its {fetching.steps:,} steps" if fetching.steps else _megabytes(total or 0)
        return f"**{model.title}**: {bar(share)} {share:.0%} of {of}"
    words = WORDS.get(fetching.stage, fetching.stage)
    size = f", {_megabytes(done)} so far" if done else ""
    return f"**{model.title}**: {words}{size}…"


def _licence(model: Model) -> str:
    where = f" (<{model.licence_url}>)" if model.licence_url else ""
    return f"{model.licence}{where}"


def _needs(model: Model) -> str:
    facts = []
    if model.size_mb is not None:
        facts.append(f"{model.size_mb:,} MB to fetch")
    if model.needed_mb is not None:
        facts.append(f"{model.needed_mb:,} MB of memory")
    if model.params is not None:
        facts.append(f"{_count(model.params)} parameters")
    return ", ".join(facts) or "nobody has measured it"


def _count(params: int) -> str:
    """Return a number of parameters in words."""
    for size, name in ((10**9, "billion"), (10**6, "million")):
        if params >= size:
            return f"{params / size:.3g} {name}"
    return f"{params:,}"


def _languages(model: Model) -> str:
    if len(model.languages) > MANY:
        return f"{len(model.languages)}"
    return ", ".join(model.languages)


def _limits(model: Model) -> str:
    limits = model.limits
    facts = [f"{limits.max_input_chars:,} characters"]
    if limits.max_input_tokens is not None:
        facts.append(f"{limits.max_input_tokens:,} tokens")
    return f"{', '.join(facts)}, {limits.max_seconds} s an answer"


def _state(known: Known) -> str:
    if known.fetch is not None:
        return progress(known.model, known.fetch.newest)
    if known.ready:
        return "yes"
    if known.refused is not None:
        return f"no. {known.refused}"
    return f"no. Whoever runs the bot can fetch it: `/model fetch model:{known.model.id}`"


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE:,} MB"
