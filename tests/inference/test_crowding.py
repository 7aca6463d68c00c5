"""How many threads a worker uses where other programs want the cores too."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.inference.crowding import Crowding, seconds_in_line


class Machine:
    """A machine on which threads stand in line for a share of the time."""

    def __init__(self, crowded: float | None = 0.0) -> None:
        self.now = 100.0
        self.waited: float | None = None if crowded is None else 5.0
        self.crowded = crowded
        self.crowding = Crowding(lambda: self.waited, lambda: self.now)

    def works(self, seconds: float, lent: int = 2, step: float = 0.05) -> list[int]:
        """Work in steps; return the threads of each."""
        used = []
        for _ in range(round(seconds / step)):
            used.append(self.crowding.worth(lent))
            self.now += step
            if self.waited is not None and self.crowded is not None:
                self.waited += self.crowded * step
        return used


def test_all_that_is_lent_is_used_where_nobody_stands_in_line() -> None:
    used = Machine().works(5.0, lent=8)
    assert used[0] == 1  # as it loads
    assert used[-1] == 8
    assert sorted(used) == used


def test_fewer_are_used_where_they_stand_in_line_until_one_is_left() -> None:
    machine = Machine()
    machine.works(5.0, lent=8)
    machine.crowded = 0.6
    assert machine.works(1.5, lent=8)[-1] == 1


def test_where_others_stand_in_line_already_one_thread_is_enough() -> None:
    assert set(Machine(crowded=0.6).works(60.0)) == {1}


def test_a_crowd_that_two_threads_make_is_met_less_and_less_often() -> None:
    machine = Machine()
    tries = []
    for tick in range(6000):  # five minutes
        (threads,) = machine.works(0.05)
        machine.crowded = 0.6 if threads > 1 else 0.1
        tries += [tick] * (threads > 1)
    assert 0 < len(tries) < 0.03 * 6000


def test_a_crowd_that_goes_is_forgotten() -> None:
    machine = Machine()
    machine.works(2.0)
    machine.crowded = 0.6
    assert machine.works(2.0)[-1] == 1
    machine.crowded = 0.0
    assert machine.works(5.0)[-1] == 2


def test_what_a_pause_without_work_counted_says_nothing() -> None:
    machine = Machine()
    machine.works(2.0)
    machine.now += 60.0
    assert machine.waited is not None
    machine.waited += 50.0
    assert machine.works(1.0) == [2] * 20


def test_a_system_that_does_not_count_lets_all_be_used() -> None:
    assert Machine(crowded=None).works(1.0, lent=4) == [4] * 20


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20), st.integers(1, 64)), max_size=40))
def test_there_is_always_one_and_never_more_than_lent(
    steps: list[tuple[float, float, int]],
) -> None:
    machine = Machine()
    for passed, waited, lent in steps:
        assert 1 <= machine.crowding.worth(lent) <= lent
        machine.now += passed
        machine.waited = (machine.waited or 0.0) + waited


def test_the_system_counts_for_every_thread(tmp_path: Path) -> None:
    for name, text in (("1", "7 2000000000 3\n"), ("2", "9 500000000 1\n"), ("3", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schedstat").write_text(text)
    (tmp_path / "4").mkdir()  # a thread that ended meanwhile
    assert seconds_in_line(tmp_path) == 2.5
    assert seconds_in_line(tmp_path / "nowhere") is None


def test_this_system_counts() -> None:
    before = seconds_in_line()
    assert before is not None, "this kernel keeps no schedstat"
    assert (seconds_in_line() or 0.0) >= before >= 0.0
