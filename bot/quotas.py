"""How much of the machine's time a member and a guild may use in a day, and how often they may ask.

What counts are the seconds that a worker ran for answers that were given: a job that fails or is
cancelled costs nothing. A day is the last twenty-four hours, so that nobody waits for midnight.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.errors import Sentence, UserError
from bot.store.store import StoreError
from bot.tasks.caller import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.config import Fairness
    from bot.store.notes import Notes
    from bot.tasks.caller import Caller

DAY = dt.timedelta(days=1)

log = structlog.get_logger("quotas")


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in the last day, in seconds of computing.

    ``limit_s`` is 0 where there is no limit; ``free_at`` is when there is time again, for those
    who have none left.
    """

    used_s: float
    limit_s: float
    jobs: int
    free_at: dt.datetime | None

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.free_at is not None


class Quotas:
    """Knows what was used, and refuses those who have no time left.

    Args:
        notes: Where finished jobs stand; ``None`` where nothing is counted.
        fairness: The limits.
        now: The time, with its zone.
    """

    def __init__(
        self,
        notes: Notes | None,
        fairness: Fairness,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._notes = notes
        self._fairness = fairness
        self._now = now
        self._asked: dict[tuple[int, str], dt.datetime] = {}

    async def of_member(self, user_id: int) -> Use:
        """Return what a member has used."""
        if self._notes is None:
            return Use(0.0, 0.0, 0, None)
        since = self._now() - DAY
        rows = await self._notes.used_since(since, user_id=user_id)
        return summed(rows, self._fairness.member_seconds_per_day)

    async def of_guild(self, guild_id: int) -> Use:
        """Return what a guild has used."""
        if self._notes is None:
            return Use(0.0, 0.0, 0, None)
        since = self._now() - DAY
        rows = await self._notes.used_since(since, guild_id=guild_id)
        return summed(rows, self._fairness.guild_seconds_per_day)

    async def check(self, caller: Caller, task: str) -> None:
        """Refuse somebody who has used all that they may, or who asks too soon again.

        Raises:
            UserError: With what was used, the limit, and when to come back.
        """
        if caller == OPERATOR:
            return
        self._check_pause(caller, task)
        try:
            if self._fairness.member_seconds_per_day:
                mine = await self.of_member(caller.user_id)
                _refuse_spent(mine, Sentence("You"))
            if self._fairness.guild_seconds_per_day and caller.guild_id is not None:
                ours = await self.of_guild(caller.guild_id)
                _refuse_spent(ours, Sentence("This server"))
        except (StoreError, OSError) as error:  # better to answer than to count
            log.error("use not read", error=str(error))
        self._asked[caller.user_id, task] = self._now()

    def _check_pause(self, caller: Caller, task: str) -> None:
        pause = dt.timedelta(seconds=self._fairness.cooldown_s)
        before, now = self._asked.get((caller.user_id, task)), self._now()
        if before is not None and now < before + pause:
            raise UserError(
                "You asked /{task} a moment ago; the pause between two is {pause:g} s. Ask again "
                "<t:{time}:R>.",
                task=task,
                pause=pause.total_seconds(),
                time=int((before + pause).timestamp()) + 1,
            )
        for key in [key for key, when in self._asked.items() if now >= when + pause]:
            del self._asked[key]


def summed(rows: Sequence[tuple[dt.datetime, float]], limit_s: float) -> Use:
    """Return what some jobs used, and when enough of them are a day old to ask again.

    Args:
        rows: When they were asked, and the seconds that they ran; the oldest first.
        limit_s: The limit; 0 for none.
    """
    used = sum(seconds for _, seconds in rows)
    free_at, left = None, used
    if limit_s and used >= limit_s:
        for when, seconds in rows:
            left -= seconds
            if left < limit_s:
                free_at = when + DAY
                break
    return Use(used, limit_s, len(rows), free_at)


def _refuse_spent(use: Use, whose: Sentence) -> None:
    if use.free_at is not None:
        raise UserError(
            "{whose}: {used:.0f} s of computing in the last 24 hours; the limit is {limit:.0f} s. "
            "Ask again <t:{time}:R>. `/usage` tells more.",
            whose=whose,
            used=use.used_s,
            limit=use.limit_s,
            time=int(use.free_at.timestamp()) + 1,
        )
