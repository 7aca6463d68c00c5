"""Who comes first: whoever has had least, house by house and then member by member."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.inference.fairness import Fairness, house_of, member_of
from bot.inference.job import Job
from bot.tasks.caller import Caller
from tests.inference.worlds import job_of, model_of

MODEL = model_of("one", 1)
PEOPLE = st.tuples(st.integers(1, 3), st.integers(1, 3))  # a guild and one of its members
SECONDS = st.floats(0.0, 50.0)


def who(member: int, guild: int | None = 1) -> Caller:
    return Caller(user_id=member, guild_id=guild)


def jobs_of(*people: tuple[int, int]) -> list[Job]:
    return [job_of(f"{n}", MODEL, guild=g, member=m) for n, (g, m) in enumerate(people)]


def order(fairness: Fairness, jobs: list[Job], cost_s: float = 1.0) -> list[str]:
    return [job.id for job in fairness.order(jobs, lambda _: cost_s)]


@pytest.fixture
def fairness() -> Fairness:
    return Fairness()


def test_in_private_everybody_is_a_house() -> None:
    assert house_of(who(7, None)) != house_of(who(8, None))
    assert house_of(who(7)) == house_of(who(8))
    assert house_of(who(7, None)) != house_of(who(1, guild=7)), "a member's id is no guild's"
    assert member_of(who(7, 1)) != member_of(who(7, 2))


def test_the_house_that_had_least_comes_first(fairness: Fairness) -> None:
    fairness.charge(who(1, 1), 10.0)
    fairness.charge(who(2, 2), 5.0)
    assert order(fairness, jobs_of((1, 1), (2, 2), (3, 3)), 0.1) == ["2", "1", "0"]


def test_within_a_house_the_member_who_had_least_comes_first(fairness: Fairness) -> None:
    fairness.charge(who(1), 10.0)
    fairness.charge(who(2), 5.0)
    assert order(fairness, jobs_of((1, 1), (1, 2), (1, 3)), 0.1) == ["2", "1", "0"]


def test_what_others_of_the_house_had_counts_against_its_members(fairness: Fairness) -> None:
    fairness.charge(who(1, 1), 10.0)
    fairness.charge(who(3, 2), 5.0)
    assert order(fairness, jobs_of((1, 2), (2, 3))) == ["1", "0"]


def test_equals_take_turns(fairness: Fairness) -> None:
    jobs = jobs_of((1, 1), (1, 1), (1, 1), (1, 2), (2, 3), (2, 3))
    assert order(fairness, jobs) == ["0", "4", "3", "5", "1", "2"]


def test_seconds_that_are_given_back_were_never_charged(fairness: Fairness) -> None:
    fairness.charge(who(1), 10.0)
    fairness.charge(who(1), -10.0)
    fairness.charge(who(2), 1.0)
    assert order(fairness, jobs_of((1, 2), (1, 1))) == ["1", "0"]


def test_nobody_saves_up_by_staying_away(fairness: Fairness) -> None:
    fairness.arrive(who(1), [])
    fairness.charge(who(1), 100.0)
    fairness.arrive(who(2), [who(1)])
    jobs = jobs_of((1, 1), (1, 2), (1, 2), (1, 1))
    assert order(fairness, jobs) == ["0", "1", "3", "2"]  # a hundred of theirs would not come first


def test_nobody_loses_what_they_had_by_leaving_for_a_moment(fairness: Fairness) -> None:
    fairness.charge(who(1), 100.0)
    fairness.charge(who(2), 1.0)
    fairness.arrive(who(1), [who(2)])
    assert order(fairness, jobs_of((1, 1), (1, 2), (1, 2)), 1.0) == ["1", "2", "0"]


def test_where_nobody_is_left_the_accounts_are_closed(fairness: Fairness) -> None:
    fairness.charge(who(1), 100.0)
    fairness.arrive(who(1), [])
    fairness.arrive(who(2), [who(1)])
    assert order(fairness, jobs_of((1, 2), (1, 1), (1, 2))) == ["0", "1", "2"]


@given(people=st.lists(PEOPLE, max_size=20), had=st.dictionaries(PEOPLE, SECONDS))
def test_each_job_comes_once_and_those_of_one_member_in_order(
    people: list[tuple[int, int]], had: dict[tuple[int, int], float]
) -> None:
    fairness = Fairness()
    for (guild, member), seconds in had.items():
        fairness.charge(who(member, guild), seconds)
    jobs = jobs_of(*people)
    ordered = fairness.order(jobs, lambda _: 1.0)
    assert sorted(ordered, key=jobs.index) == jobs
    for member in {member_of(job.caller) for job in jobs}:
        mine = [job for job in jobs if member_of(job.caller) == member]
        assert [job for job in ordered if member_of(job.caller) == member] == mine


@given(present=st.lists(PEOPLE, min_size=1, max_size=8), had=st.dictionaries(PEOPLE, SECONDS))
def test_a_newcomer_begins_level_with_the_least_served(
    present: list[tuple[int, int]], had: dict[tuple[int, int], float]
) -> None:
    """Of jobs longer than any difference, nobody has two before the newcomer has one."""
    fairness = Fairness()
    for guild, member in present:
        fairness.charge(who(member, guild), had.get((guild, member), 0.0))
    fairness.arrive(who(99, 99), [who(member, guild) for guild, member in present])
    ordered = fairness.order(jobs_of(*present, *present, *[(99, 99)] * 8), lambda _: 1000.0)
    houses = [house_of(job.caller) for job in ordered]
    mine = [n for n, house in enumerate(houses) if house == ("guild", 99)]
    before, after = houses[: mine[0]], houses[: mine[1]]
    assert len(set(before)) == len(before), "somebody came twice before the newcomer came once"
    assert len(set(after)) == len({g for g, _ in present}) + 1, "the newcomer came twice too soon"
