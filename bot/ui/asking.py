"""What is asked in the end: the words that were typed, and what presets say where nothing was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import presets

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.rules import Options
    from bot.service import Rules
    from bot.tasks.caller import Caller
    from bot.tasks.registry import AnyRequest


@dataclass(frozen=True, slots=True)
class Typed:
    """What was named beside the request.

    ``as_it_was`` says that all of it was asked before, so that no preset counts.
    """

    model: str | None
    seed: int | None
    preset: str | None
    as_it_was: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """A request with all that is wanted of it."""

    request: AnyRequest
    model: str | None
    seed: int | None


def wished(
    named: Collection[str],
    rules: Rules,
    caller: Caller,
    request: AnyRequest,
    typed: Typed,
) -> Wish:
    """Put presets into a request: the one that is named, then those that are usual.

    What the command names itself wins. The models of usual presets are the service's business,
    which looks for one that is here.

    Args:
        named: The options that the command names.
        rules: Know the presets.
        caller: Who asks.
        request: What is asked.
        typed: What was named beside it.

    Raises:
        UserError: There is no preset of that name.
    """
    if typed.as_it_was:
        return Wish(request, typed.model, typed.seed)
    task = request.task()
    chosen: Options = {}
    if typed.preset is not None:
        chosen = presets.found(rules.presets(caller, task), task, typed.preset)
    wanted = (chosen, *rules.usual(caller, task))
    model, seed = chosen.get("model"), presets.first(wanted).get("seed")
    return Wish(
        presets.applied(request, wanted, named),
        typed.model or (None if model is None else str(model)),
        typed.seed if typed.seed is not None or seed is None else int(seed),
    )
