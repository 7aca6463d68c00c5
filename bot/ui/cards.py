"""What is said of a model: what it is, what it takes, whether it is here, how far its fetch is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import Sentence
from bot.locales import say, told
from bot.ui.findings import bar
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from bot.catalogue.download import Fetching
    from bot.catalogue.model import Model
    from bot.service import Known

MEGABYTE = 1_000_000
WORDS = {
    "waiting": Sentence("waiting for its turn"),
    "copying": Sentence("copying"),
    "unpacking": Sentence("unpacking"),
    "converting": Sentence("converting"),
    "training": Sentence("training"),
    "checking": Sentence("checking every file"),
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
        say("Licence: {licence}", licence=_licence(model)),
        say("Credit: {attribution}", attribution=model.attribution) if model.attribution else "",
        say("Answers in age-restricted channels only.") if model.nsfw else "",
        say("Takes: {needs}", needs=_needs(model)),
        say("Languages: {languages}", languages=_languages(model)) if model.languages else "",
        say("Limits: {limits}", limits=_limits(model)),
        say("No other task: {reason}", reason=model.reason)
        if model.status == "needs-finetune"
        else "",
        say("Here: {state}", state=_state(known)),
    ]
    return clip("\n".join(filter(None, lines)), CONTENT)


def progress(model: Model, fetching: Fetching) -> str:
    """Return how far a fetch is."""
    done, total = fetching.done_bytes, fetching.total_bytes
    if (share := fetching.share) is not None:
        whole = say("{n:,} steps", n=fetching.steps) if fetching.steps else _megabytes(total or 0)
        far = say("{share:.0%} of {whole}", share=share, whole=whole)
        return f"**{model.title}**: {bar(share)} {far}"
    words = WORDS.get(fetching.stage)
    stage = told(words) if words else fetching.stage
    if done:
        stage = say("{stage}, {size} so far", stage=stage, size=_megabytes(done))
    return f"**{model.title}**: {stage}…"


def _licence(model: Model) -> str:
    where = f" (<{model.licence_url}>)" if model.licence_url else ""
    return f"{model.licence}{where}"


def _needs(model: Model) -> str:
    facts = []
    if model.size_mb is not None:
        facts.append(say("{n:,} MB to fetch", n=model.size_mb))
    if model.needed_mb is not None:
        facts.append(say("{n:,} MB of memory", n=model.needed_mb))
    if model.params is not None:
        facts.append(say("{count} parameters", count=_count(model.params)))
    return ", ".join(facts) or say("nobody has measured it")


def _count(params: int) -> str:
    """Return a number of parameters in words."""
    if params >= 10**9:
        return say("{n:.3g} billion", n=params / 10**9)
    if params >= 10**6:
        return say("{n:.3g} million", n=params / 10**6)
    return f"{params:,}"


def _languages(model: Model) -> str:
    if len(model.languages) > MANY:
        return f"{len(model.languages)}"
    return ", ".join(model.languages)


def _limits(model: Model) -> str:
    limits = model.limits
    facts = [say("{n:,} characters", n=limits.max_input_chars)]
    if limits.max_input_tokens is not None:
        facts.append(say("{n:,} tokens", n=limits.max_input_tokens))
    return ", ".join([*facts, say("{n} s an answer", n=limits.max_seconds)])


def _state(known: Known) -> str:
    if known.fetch is not None:
        return progress(known.model, known.fetch.newest)
    if known.ready:
        return say("yes")
    if known.refused is not None:
        return say("no. {reason}", reason=told(known.refused))
    fetch = f"`/model fetch model:{known.model.id}`"
    return say("no. Whoever runs the bot can fetch it: {command}", command=fetch)


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE:,} MB"
