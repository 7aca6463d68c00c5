"""Whose turn it is: rules that hold in every queue, and the ones that a person can feel."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.errors import BusyError
from bot.inference.estimates import UNKNOWN_S
from bot.inference.job import BACKGROUND, INTERACTIVE, Job
from bot.inference.scheduler import (
    AGEING_S,
    PATIENCE_S,
    Assignment,
    QueueLimits,
    Scheduler,
    WorkerView,
)
from tests.inference.worlds import Clock, job_of, model_of

MODELS = [model_of("one", 1), model_of("two", 2), model_of("four", 4)]
ONE, TWO, FOUR = MODELS
LIMITS = QueueLimits(waiting=8, per_guild=6, per_member=4)
NO_LIMITS = QueueLimits(waiting=10_000, per_guild=10_000, per_member=10_000)


class Queue(RuleBasedStateMachine):
    """Jobs come, run, end and lose their workers in any order; the workers keep their models."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.scheduler = Scheduler(LIMITS, self.clock)
        self.workers: dict[int, set[str]] = {1: set(), 2: set()}
        self.waiting: dict[str, Job] = {}
        self.running: dict[str, Assignment] = {}
        self.suspects: set[str] = set()
        self.returned: set[str] = set()
        self.next_worker = 3
        self.admitted = 0

    def views(self) -> list[WorkerView]:
        views = []
        for worker, models in self.workers.items():
            mine = [a.job for a in self.running.values() if a.worker_id == worker]
            views.append(
                WorkerView(
                    id=worker,
                    models=frozenset(models),
                    running=dict(Counter(job.model.id for job in mine)),
                    closed=any(job.id in self.suspects for job in mine),
                )
            )
        return views

    @rule(
        model=st.sampled_from(MODELS),
        who=st.tuples(st.integers(1, 4), st.sampled_from([1, 1, 2, None])),
        priority=st.sampled_from([INTERACTIVE, BACKGROUND]),
    )
    def admit(self, model: object, who: tuple[int, int | None], priority: int) -> None:
        member, guild = who
        job = job_of(f"job{self.admitted}", model, member=member, guild=guild)  # type: ignore[arg-type]
        job = replace(job, priority=priority)
        callers = [j.caller for j in self.waiting.values()]
        callers += [a.job.caller for a in self.running.values()]
        mine = sum(c.user_id == member for c in callers)
        house = sum(
            c.guild_id == guild and (guild is not None or c.user_id == member) for c in callers
        )
        full = len(self.waiting) >= 8 or mine >= 4 or house >= 6
        try:
            self.scheduler.admit(job)
        except BusyError as error:
            assert full
            assert error.retry_after_s >= 0
            return
        assert not full
        self.admitted += 1
        self.waiting[job.id] = job

    @rule(seconds=st.sampled_from([1.0, PATIENCE_S, AGEING_S]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def assign(self) -> None:
        for assignment in self.scheduler.assign(self.views()):
            job = self.waiting.pop(assignment.job.id)  # it waited, so it is given out once
            assert assignment.job is job
            self.running[job.id] = assignment
            self.workers[assignment.worker_id].add(job.model.id)
        if self.waiting:
            assert not any(view.idle for view in self.views()), "a worker idles while a job waits"

    @rule()
    def assigning_again_gives_nothing_out(self) -> None:
        self.assign()
        assert self.scheduler.assign(self.views()) == []

    @precondition(lambda self: self.running)
    @rule(data=st.data(), run_s=st.sampled_from([None, 0.1, 3.0]))
    def finish(self, data: st.DataObject, run_s: float | None) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job_id]
        self.forget(job_id)
        self.scheduler.finished(job_id, run_s)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[job_id]
        self.forget(job_id)
        self.scheduler.finished(job_id)

    def forget(self, job_id: str) -> None:
        self.suspects.discard(job_id)
        self.returned.discard(job_id)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        suspect = data.draw(st.booleans())
        del self.workers[worker]
        for assignment in [a for a in self.running.values() if a.worker_id == worker]:
            job = self.running.pop(assignment.job.id).job
            self.waiting[job.id] = job
            self.returned.add(job.id)
            self.suspects |= {job.id} if suspect else set()
            self.scheduler.requeue(job, suspect=suspect)
        self.workers[self.next_worker] = set()
        self.next_worker += 1

    @invariant()
    def no_job_is_lost(self) -> None:
        places = self.scheduler.queue(len(self.workers))
        assert len(self.scheduler) == len(self.waiting)
        assert places.keys() == self.waiting.keys()
        assert [ahead for ahead, _ in places.values()] == list(range(len(self.waiting)))
        etas = [eta_s for _, eta_s in places.values()]
        known = [eta_s for eta_s in etas if eta_s is not None]
        assert etas == known + [None] * (len(etas) - len(known))
        assert known == sorted(known)

    @invariant()
    def those_that_lost_their_worker_come_first(self) -> None:
        order = list(self.scheduler.queue(2))
        returned = self.returned & self.waiting.keys()
        assert set(order[: len(returned)]) == returned

    @invariant()
    def suspects_are_known(self) -> None:
        for job_id in [*self.waiting, *self.running]:
            assert self.scheduler.is_suspect(job_id) == (job_id in self.suspects)

    @invariant()
    def workers_are_never_overfull(self) -> None:
        for view in self.views():
            slots = {model.id: model.slots for model in MODELS}
            busy = {model: count for model, count in view.running.items() if count}
            assert len(busy) <= 1, "two models at work in one worker"
            assert all(count <= slots[model] for model, count in busy.items())
            if view.closed:
                assert sum(busy.values()) == 1, "a suspect has company"

    def teardown(self) -> None:
        """Let everything end: each job that was admitted has its turn."""
        for _ in range(len(self.waiting) + len(self.running) + 1):
            self.assign()
            for job_id in list(self.running):
                del self.running[job_id]
                self.scheduler.finished(job_id)
        assert not self.waiting
        assert len(self.scheduler) == 0


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Office:
    """Workers with one slot each that run jobs for as long as is written beside them.

    It counts the seconds that every member was served, and lets each job end at its time.
    """

    def __init__(self, workers: int) -> None:
        self.clock = Clock()
        self.scheduler = Scheduler(NO_LIMITS, self.clock)
        self.workers = range(1, workers + 1)
        self.takes_s: dict[str, float] = {}
        self.at_work: dict[int, tuple[float, Job]] = {}
        self.served_s: defaultdict[int, float] = defaultdict(float)
        self.order: list[Job] = []

    def ask(self, member: int, seconds: float, guild: int = 1) -> None:
        job = job_of(f"{len(self.takes_s)}", ONE, member=member, guild=guild)
        self.takes_s[job.id] = seconds
        self.scheduler.admit(job)

    def go_on(self) -> None:
        """Give out what can be given out, then go to the next end of a job."""
        busy = {worker: {"one": 1} for worker in self.at_work}
        views = [
            WorkerView(id=w, models=frozenset({"one"}), running=busy.get(w, {}))
            for w in self.workers
        ]
        for assigned in self.scheduler.assign(views):
            ends_at = self.clock.now + self.takes_s[assigned.job.id]
            self.at_work[assigned.worker_id] = ends_at, assigned.job
            self.order.append(assigned.job)
        assert len(self.at_work) == len(self.workers) or not len(self.scheduler)
        worker = min(self.at_work, key=lambda w: self.at_work[w][0])
        self.clock.now, job = self.at_work.pop(worker)
        seconds = self.takes_s[job.id]
        self.served_s[job.caller.user_id] += seconds
        self.scheduler.finished(job.id, seconds)


def members_in(jobs: list[Job]) -> list[int]:
    return [job.caller.user_id for job in jobs]


TIMES = st.lists(st.integers(1, 20), min_size=10, max_size=30)


@given(first=TIMES, second=TIMES)
def test_two_who_always_wait_are_served_alike(first: list[int], second: list[int]) -> None:
    """In seconds, whatever their jobs take, to within two of the largest."""
    office = Office(workers=1)
    for seconds in first:
        office.ask(1, seconds)
    for seconds in second:
        office.ask(2, seconds)
    done = Counter[int]()
    while done[1] < len(first) and done[2] < len(second):
        office.go_on()
        difference = abs(office.served_s[1] - office.served_s[2])
        assert difference <= 2 * max(first + second)
        done = Counter(members_in(office.order))


@given(times=TIMES, before=st.integers(1, 8))
def test_a_latecomer_is_owed_nothing_and_owes_nothing(times: list[int], before: int) -> None:
    """From when somebody comes, both are served alike, whatever the first has had by then."""
    office = Office(workers=1)
    for seconds in times:
        office.ask(1, seconds)
    for _ in range(before):
        office.go_on()
    for _ in range(10):
        office.ask(2, 3)
    office.served_s.clear()
    while Counter(members_in(office.order)) <= Counter({1: len(times) - 1, 2: 9}):
        office.go_on()
        assert abs(office.served_s[1] - office.served_s[2]) <= 2 * max(*times, 3)


def test_a_guild_with_two_hundred_jobs_does_not_starve_a_guild_with_one() -> None:
    office = Office(workers=2)
    for number in range(200):
        office.ask(number % 20, 5, guild=1)
    for _ in range(10):
        office.go_on()
    office.ask(99, 5, guild=2)
    begun = len(office.order)
    for _ in range(4):
        office.go_on()
    assert 99 in members_in(office.order[begun : begun + 2])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(clock: Clock) -> Scheduler:
    return Scheduler(LIMITS, clock)


def idle(id: int = 1, *models: str) -> WorkerView:
    return WorkerView(id=id, models=frozenset(models))


def turns(scheduler: Scheduler) -> list[str]:
    """Give out one job after the other to one worker with one slot; return their ids."""
    order = []
    while len(scheduler):
        (assignment,) = scheduler.assign([idle()])
        order.append(assignment.job.id)
        scheduler.finished(assignment.job.id)
    return order


def test_jobs_of_one_member_keep_their_order(scheduler: Scheduler) -> None:
    for number in range(4):
        scheduler.admit(job_of(f"{number}", ONE))
    assert turns(scheduler) == ["0", "1", "2", "3"]


def order(scheduler: Scheduler) -> list[str]:
    """Return who waits, the next first."""
    return list(scheduler.queue(1))


def test_members_of_a_guild_take_turns(scheduler: Scheduler) -> None:
    for number in range(3):
        scheduler.admit(job_of(f"eager{number}", ONE, member=1))
    scheduler.admit(job_of("late", ONE, member=2))
    assert order(scheduler) == ["eager0", "late", "eager1", "eager2"]
    given = scheduler.assign([idle(1), idle(2)])
    assert [a.job.id for a in given] == ["eager0", "late"]


def test_guilds_take_turns_before_their_members_do(scheduler: Scheduler) -> None:
    for member in range(4):
        scheduler.admit(job_of(f"big{member}", ONE, member=member, guild=1))
    for number in range(2):
        scheduler.admit(job_of(f"small{number}", ONE, member=9, guild=2))
    assert order(scheduler) == ["big0", "small0", "big1", "small1", "big2", "big3"]


def test_a_job_that_runs_is_charged_what_it_is_thought_to_take(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("runs", ONE, member=1))
    scheduler.admit(job_of("other", ONE, member=2))
    scheduler.admit(job_of("second", ONE, member=1))
    scheduler.assign([idle()])
    assert order(scheduler) == ["other", "second"]


def test_what_a_job_took_corrects_what_was_charged(scheduler: Scheduler) -> None:
    for number in range(3):
        scheduler.admit(job_of(f"short{number}", ONE, member=1))
        scheduler.admit(job_of(f"long{number}", ONE, member=2))
    scheduler.assign([idle(1), idle(2)])
    scheduler.finished("short0", run_s=1.0)
    scheduler.finished("long0", run_s=9.0)
    assert order(scheduler) == ["short1", "short2", "long1", "long2"]


def test_a_job_that_lost_its_worker_was_never_charged(scheduler: Scheduler) -> None:
    lost = job_of("lost", ONE, member=1)
    for each in (lost, job_of("other", ONE, member=2), job_of("second", ONE, member=1)):
        scheduler.admit(each)
    scheduler.assign([idle()])
    scheduler.requeue(lost, suspect=False)
    scheduler.finished("lost")
    assert order(scheduler)[0] == "other"  # level, and asked first


def test_background_jobs_come_last_until_they_are_old(scheduler: Scheduler, clock: Clock) -> None:
    scheduler.admit(replace(job_of("slow", ONE, member=1), priority=BACKGROUND))
    scheduler.admit(job_of("quick", ONE, member=2))
    assert order(scheduler) == ["quick", "slow"]
    clock.now += AGEING_S
    scheduler.admit(job_of("quicker", ONE, member=2))
    assert order(scheduler) == ["slow", "quick", "quicker"]


def test_a_job_goes_where_its_model_is_loaded(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("a", TWO))
    assert scheduler.assign([idle(1), idle(2, "two")])[0].worker_id == 2


def test_a_job_joins_a_worker_at_work_on_its_model_rather_than_have_it_loaded_again(
    scheduler: Scheduler,
) -> None:
    scheduler.admit(job_of("a", TWO))
    working = WorkerView(id=2, models=frozenset({"two"}), running={"two": 1})
    assert scheduler.assign([idle(1), working])[0].worker_id == 2


def test_an_idle_worker_with_the_model_is_better_than_one_at_work_on_it(
    scheduler: Scheduler,
) -> None:
    scheduler.admit(job_of("a", TWO))
    working = WorkerView(id=1, models=frozenset({"two"}), running={"two": 1})
    assert scheduler.assign([working, idle(2, "two")])[0].worker_id == 2


def test_jobs_that_gather_join_the_worker_at_work_while_it_has_a_slot(
    scheduler: Scheduler,
) -> None:
    four = frozenset({"four"})
    working = WorkerView(id=1, models=four, gathering=four, running={"four": 2})
    other = WorkerView(id=2, models=four, gathering=four)
    for number in range(4):
        scheduler.admit(job_of(str(number), FOUR))
    placed = [a.worker_id for a in scheduler.assign([working, other])]
    assert placed == [1, 1, 2, 2]


def test_a_fresh_model_goes_to_the_idle_worker_with_the_fewest(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("a", ONE))
    assert scheduler.assign([idle(1, "two", "four"), idle(2, "two")])[0].worker_id == 2


def test_a_suspect_waits_for_an_idle_worker_and_nobody_joins_it(scheduler: Scheduler) -> None:
    job = job_of("suspect", FOUR)
    scheduler.admit(job)
    scheduler.assign([idle()])
    scheduler.requeue(job, suspect=True)
    working = WorkerView(id=1, models=frozenset({"four"}), running={"four": 1})
    assert scheduler.assign([working]) == []
    scheduler.admit(job_of("other", FOUR, member=2))
    assert scheduler.assign([idle(1, "four")]) == [Assignment(job, 1)]
    assert scheduler.is_suspect("suspect")
    scheduler.finished("suspect")
    assert not scheduler.is_suspect("suspect")


def test_a_job_that_lost_its_worker_goes_to_the_front_and_keeps_its_time(
    scheduler: Scheduler, clock: Clock
) -> None:
    lost = job_of("lost", ONE, wait=60)
    scheduler.admit(lost)
    scheduler.assign([idle()])
    scheduler.admit(job_of("next", ONE, member=2))
    clock.now += 50
    scheduler.requeue(lost, suspect=False)
    assert order(scheduler) == ["lost", "next"]
    assert scheduler.waited_s("lost") == 50
    clock.now += 10
    assert scheduler.overdue() == [lost]


def test_jobs_of_one_model_do_not_pass_a_patient_one_for_ever(
    scheduler: Scheduler, clock: Clock
) -> None:
    scheduler.admit(job_of("first", FOUR))
    scheduler.assign([idle()])
    working = WorkerView(id=1, models=frozenset({"four"}), running={"four": 1})
    scheduler.admit(job_of("patient", ONE, member=2))
    scheduler.admit(job_of("quick", FOUR, member=3))
    assert [a.job.id for a in scheduler.assign([working])] == ["quick"]
    clock.now += PATIENCE_S
    scheduler.admit(job_of("too quick", FOUR, member=4))
    assert scheduler.assign([working]) == []
    assert scheduler.assign([idle(1, "four")])[0].job.id == "patient"


def test_a_full_queue_says_when_to_come_back(scheduler: Scheduler) -> None:
    for number in range(LIMITS.waiting):
        scheduler.admit(job_of(f"{number}", ONE, member=number, guild=number))
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("late", ONE, member=99, guild=99))
    assert str(caught.value) == (
        "8 requests are waiting, which is all the queue holds. Try again in about 40 s."
    )
    assert caught.value.retry_after_s == 8 * UNKNOWN_S


def test_a_full_queue_is_done_sooner_with_more_workers(scheduler: Scheduler) -> None:
    for number in range(LIMITS.waiting):
        scheduler.admit(job_of(f"{number}", ONE, member=number, guild=number))
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("late", ONE, member=99, guild=99), workers=2)
    assert caught.value.retry_after_s == 4 * UNKNOWN_S


def test_a_member_s_full_share_says_when_to_come_back(scheduler: Scheduler) -> None:
    for number in range(LIMITS.per_member):
        scheduler.admit(job_of(f"{number}", ONE, guild=number))
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("more", ONE))
    assert str(caught.value) == (
        "You have 4 requests under way; the limit is 4. Try again in about 5 s."
    )
    scheduler.admit(job_of("somebody else's", ONE, member=2))


def test_a_guild_s_full_share_is_no_other_guild_s(scheduler: Scheduler) -> None:
    for member in range(LIMITS.per_guild):
        scheduler.admit(job_of(f"{member}", ONE, member=member))
    scheduler.assign([idle()])  # those that run count as well
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("more", ONE, member=99))
    assert str(caught.value) == (
        "This server has 6 requests under way, which is its share. Try again in about 5 s."
    )
    scheduler.admit(job_of("elsewhere", ONE, member=99, guild=2))


def test_a_refused_job_leaves_nothing_behind(scheduler: Scheduler) -> None:
    for number in range(LIMITS.per_member):
        scheduler.admit(job_of(f"{number}", ONE))
    with pytest.raises(BusyError):
        scheduler.admit(job_of("more", ONE))
    assert len(scheduler) == LIMITS.per_member
    scheduler.finished("0")
    scheduler.admit(job_of("more", ONE))


def eta_of(scheduler: Scheduler, job_id: str, workers: int = 1) -> float | None:
    return scheduler.queue(workers)[job_id][1]


def test_the_time_to_wait_is_told_once_it_is_known(scheduler: Scheduler) -> None:
    for number, name in enumerate(["first", "second", "third"]):
        scheduler.admit(job_of(name, ONE, member=number))
    assert eta_of(scheduler, "first") == 0.0
    assert eta_of(scheduler, "third") is None
    scheduler.assign([idle()])
    assert eta_of(scheduler, "second") is None
    scheduler.finished("first", run_s=4.0)
    assert eta_of(scheduler, "second") == 0.0
    assert eta_of(scheduler, "third") == 4.0
    assert eta_of(scheduler, "third", workers=2) == 2.0
    assert eta_of(scheduler, "third", workers=0) == 4.0
    scheduler.assign([idle()])
    assert eta_of(scheduler, "third") == 2.0  # half of what runs has run


def test_a_job_of_an_unknown_model_hides_the_time_of_those_behind_it(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("first", ONE))
    scheduler.assign([idle()])
    scheduler.finished("first", run_s=4.0)
    scheduler.admit(job_of("known", ONE, member=1))
    scheduler.admit(job_of("unknown", TWO, member=2))
    scheduler.admit(job_of("behind", ONE, member=3))
    etas = [eta_s for _, eta_s in scheduler.queue(1).values()]
    assert etas == [0.0, 4.0, None]


def test_a_loaded_model_is_used_before_another_is_loaded_in_its_place(
    scheduler: Scheduler, clock: Clock
) -> None:
    scheduler.admit(job_of("load", TWO, member=1))
    scheduler.admit(job_of("resident", ONE, member=2))
    (first,) = scheduler.assign([idle(1, "one")])
    assert first.job.id == "resident"
    scheduler.finished("resident", 1.0)
    scheduler.admit(job_of("resident again", ONE, member=2))
    clock.now += PATIENCE_S
    (second,) = scheduler.assign([idle(1, "one")])
    assert second.job.id == "load"


def test_no_worker_idles_for_the_sake_of_a_loaded_model(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("load", TWO))
    (only,) = scheduler.assign([idle(1, "one")])
    assert only.job.id == "load"
