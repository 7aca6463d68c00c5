"""What every journey ends with: nobody was left without an answer, and nobody was pinged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.playground.world import World


def well_mannered(world: World) -> None:
    """Judge all that happened in a playground.

    Raises:
        AssertionError: An interaction failed or got no answer, an answer still says that the bot is
            thinking, or a message of the bot's pings somebody.
    """
    faults = [*_unanswered(world), *_pinging(world)]
    assert not faults, "\n".join(["Somebody was treated badly:", *faults])


def _unanswered(world: World) -> Iterator[str]:
    for each in world.interactions.values():
        what = f"interaction {each.id} ({each.data.get('name') or each.data.get('custom_id')})"
        answer = world.messages.get(each.response_message_id or 0)
        if each.error is not None:
            yield f"{what}: {each.error}"
        elif each.acknowledged_s is None:
            yield f"{what}: nothing came"
        elif answer is not None and answer.thinking:
            yield f"{what}: the bot is thinking for ever"


def _pinging(world: World) -> Iterator[str]:
    for message in world.messages.values():
        whom = message.pings
        pings = whom.users or whom.roles or whom.everyone
        if message.author_id == world.bot.id and pings:
            yield f"message {message.id} pings {whom}: {message.content[:100]!r}"
