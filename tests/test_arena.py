"""Ratings follow from votes, and from nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.arena import START, Vote, standings

VOTES = st.lists(
    st.builds(
        Vote, first=st.sampled_from("abc"), second=st.sampled_from("abc"),
        verdict=st.sampled_from(["a", "b", "tie", "bad"]),
    ),
    max_size=40,
)  # fmt: skip


def test_the_first_vote_moves_both_by_half_of_the_most() -> None:
    winner, loser = standings([Vote("x", "y", "a")])
    assert (winner.model_id, winner.rating, winner.votes) == ("x", START + 12, 1)
    assert (loser.model_id, loser.rating, loser.votes) == ("y", START - 12, 1)


def test_to_beat_the_better_counts_for_more() -> None:
    before = [Vote("x", "y", "a")] * 10
    rating = {one.model_id: one.rating for one in standings(before)}
    upset = {one.model_id: one.rating for one in standings([*before, Vote("x", "y", "b")])}
    assert upset["y"] - rating["y"] > 12 > rating["x"] - standings(before[:-1])[0].rating


def test_a_model_against_itself_says_nothing() -> None:
    assert standings([Vote("x", "x", "a")]) == []


@given(votes=VOTES)
def test_ratings_are_shared_out_and_ordered(votes: list[Vote]) -> None:
    table = standings(votes)
    assert abs(sum(one.rating - START for one in table)) < 1e-6
    assert [one.rating for one in table] == sorted((o.rating for o in table), reverse=True)
    fought = [vote for vote in votes if vote.first != vote.second]
    assert sum(one.votes for one in table) == 2 * len(fought)


@given(votes=VOTES)
def test_it_does_not_matter_who_stood_first(votes: list[Vote]) -> None:
    other = {"a": "b", "b": "a", "tie": "tie", "bad": "bad"}
    turned = [Vote(vote.second, vote.first, other[vote.verdict]) for vote in votes]
    for one, same in zip(standings(votes), standings(turned), strict=True):
        assert one.model_id == same.model_id
        assert abs(one.rating - same.rating) < 1e-6
