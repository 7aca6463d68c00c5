"""Who has had how much: virtual counters of seconds, members inside guilds. Pure.

The rule is that of virtual token counters (Sheng et al., OSDI 2024), with seconds of a worker in
place of tokens: whoever has had least comes first; whoever comes back after a pause starts level
with the least served of those that are there, so that nobody saves up for a flood.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.inference.job import Job
    from bot.tasks.caller import Caller

House = tuple[str, int]
"""A guild; in direct messages, the member alone."""

Member = tuple[House, int]


def house_of(caller: Caller) -> House:
    """Return whose share a job is taken from first: the guild's, or in private the member's."""
    if caller.guild_id is None:
        return "member", caller.user_id
    return "guild", caller.guild_id


def member_of(caller: Caller) -> Member:
    """Return whose share within the house a job is taken from."""
    return house_of(caller), caller.user_id


class Fairness:
    """Seconds that houses and their members have been given, and the order that follows."""

    def __init__(self) -> None:
        self._houses: defaultdict[House, float] = defaultdict(float)
        self._members: defaultdict[Member, float] = defaultdict(float)

    def arrive(self, caller: Caller, present: Iterable[Caller]) -> None:
        """Bring somebody who comes anew level with the least served of those present."""
        others = list(present)
        house, member = house_of(caller), member_of(caller)
        houses = {house_of(other) for other in others}
        if house not in houses:
            least = min((self._houses[h] for h in houses), default=0.0)
            self._houses[house] = max(self._houses[house], least)
        members = {member_of(other) for other in others if house_of(other) == house}
        if member not in members:
            least = min((self._members[m] for m in members), default=0.0)
            self._members[member] = max(self._members[member], least)
        if not others:
            self._forget_all_but(house, member)

    def charge(self, caller: Caller, seconds: float) -> None:
        """Count seconds to a member and their house; a negative number gives some back."""
        self._houses[house_of(caller)] += seconds
        self._members[member_of(caller)] += seconds

    def order(self, jobs: Iterable[Job], cost_s: Callable[[Job], float]) -> list[Job]:
        """Return jobs in the order in which they should begin, if each costs what is thought.

        Jobs of one member keep the order in which they are given.
        """
        houses: dict[House, dict[Member, deque[Job]]] = {}
        for job in jobs:
            members = houses.setdefault(house_of(job.caller), {})
            members.setdefault(member_of(job.caller), deque()).append(job)
        turns = [(self._houses[h], n, h) for n, h in enumerate(houses)]
        inner = {
            house: [(self._members[m], n, m) for n, m in enumerate(members)]
            for house, members in houses.items()
        }
        for heap in (turns, *inner.values()):
            heapq.heapify(heap)  # type: ignore[arg-type]
        ordered = []
        while turns:
            spent, place, house = turns[0]
            member_spent, member_place, member = inner[house][0]
            queue = houses[house][member]
            job = queue.popleft()
            ordered.append(job)
            cost = cost_s(job)
            if queue:
                heapq.heapreplace(inner[house], (member_spent + cost, member_place, member))
            else:
                heapq.heappop(inner[house])
            if inner[house]:
                heapq.heapreplace(turns, (spent + cost, place, house))
            else:
                heapq.heappop(turns)
        return ordered

    def _forget_all_but(self, house: House, member: Member) -> None:
        """Nobody else is there: old accounts are closed, so that they don't pile up for ever."""
        self._houses = defaultdict(float, {house: 0.0})
        self._members = defaultdict(float, {member: 0.0})
