"""Whose turn it is: rules that hold in every queue, and the ones that a person can feel."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.errors import BusyError
from bot.inference.job import Job
from bot.inference.scheduler import PATIENCE_S, Assignment, Scheduler, WorkerView
from tests.inference.worlds import Clock, job_of, model_of

MODELS = [model_of("one", 1), model_of("two", 2), model_of("four", 4)]
ONE, TWO, FOUR = MODELS
QUEUE, SHARE = 8, 4


class Queue(RuleBasedStateMachine):
    """Jobs come, run, end and lose their workers in any order; the workers keep their models."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.scheduler = Scheduler(queue_size=QUEUE, jobs_per_member=SHARE, clock=self.clock)
        self.workers: dict[int, set[str]] = {1: set(), 2: set()}
        self.waiting: dict[str, Job] = {}
        self.running: dict[str, Assignment] = {}
        self.suspects: set[str] = set()
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

    @rule(model=st.sampled_from(MODELS), member=st.integers(1, 4))
    def admit(self, model: object, member: int) -> None:
        job = job_of(f"job{self.admitted}", model, member=member)  # type: ignore[arg-type]
        unfinished = [*self.waiting.values(), *(a.job for a in self.running.values())]
        mine = sum(other.caller.user_id == member for other in unfinished)
        try:
            self.scheduler.admit(job)
        except BusyError as error:
            assert len(self.waiting) >= QUEUE or mine >= SHARE
            assert error.retry_after_s > 0
            return
        assert len(self.waiting) < QUEUE
        assert mine < SHARE
        self.admitted += 1
        self.waiting[job.id] = job

    @rule(seconds=st.sampled_from([1.0, PATIENCE_S]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def assign(self) -> None:
        for assignment in self.scheduler.assign(self.views()):
            job = self.waiting.pop(assignment.job.id)  # it waited, so it is given out once
            assert assignment.job is job
            self.running[job.id] = assignment
            self.workers[assignment.worker_id].add(job.model.id)

    @rule()
    def assigning_again_gives_nothing_out(self) -> None:
        self.assign()
        assert self.scheduler.assign(self.views()) == []

    @precondition(lambda self: self.running)
    @rule(data=st.data(), run_s=st.sampled_from([None, 0.1, 3.0]))
    def finish(self, data: st.DataObject, run_s: float | None) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job_id]
        self.suspects.discard(job_id)
        self.scheduler.finished(job_id, run_s)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[job_id]
        self.suspects.discard(job_id)
        self.scheduler.finished(job_id)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        suspect = data.draw(st.booleans())
        del self.workers[worker]
        for assignment in [a for a in self.running.values() if a.worker_id == worker]:
            job = self.running.pop(assignment.job.id).job
            self.waiting[job.id] = job
            self.suspects |= {job.id} if suspect else set()
            self.scheduler.requeue(job, suspect=suspect)
        self.workers[self.next_worker] = set()
        self.next_worker += 1

    @invariant()
    def no_job_is_lost(self) -> None:
        assert len(self.scheduler) == len(self.waiting)
        assert sorted(self.scheduler.ahead(job_id) for job_id in self.waiting) == list(
            range(len(self.waiting))
        )

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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(clock: Clock) -> Scheduler:
    return Scheduler(queue_size=QUEUE, jobs_per_member=SHARE, clock=clock)


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


def test_members_with_the_least_under_way_come_first(scheduler: Scheduler) -> None:
    for number in range(3):
        scheduler.admit(job_of(f"eager{number}", ONE, member=1))
    scheduler.admit(job_of("late", ONE, member=2))
    assert scheduler.ahead("late") == 1
    assert scheduler.ahead("eager1") == 2
    given = scheduler.assign([idle(1), idle(2)])
    assert [a.job.id for a in given] == ["eager0", "late"]


def test_a_job_that_runs_counts_as_under_way(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("runs", ONE, member=1))
    scheduler.assign([idle()])
    scheduler.admit(job_of("second", ONE, member=1))
    scheduler.admit(job_of("other", ONE, member=2))
    assert [scheduler.ahead("other"), scheduler.ahead("second")] == [0, 1]


def test_a_job_goes_where_its_model_is_loaded(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("a", TWO))
    assert scheduler.assign([idle(1), idle(2, "two")])[0].worker_id == 2


def test_a_job_joins_a_worker_at_work_on_its_model_rather_than_an_idle_one(
    scheduler: Scheduler,
) -> None:
    scheduler.admit(job_of("a", TWO))
    working = WorkerView(id=2, models=frozenset({"two"}), running={"two": 1})
    assert scheduler.assign([idle(1, "two"), working])[0].worker_id == 2


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
    assert scheduler.ahead("lost") == 0
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
    for number in range(QUEUE):
        scheduler.admit(job_of(f"{number}", ONE, member=number))
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("late", ONE, member=99))
    assert str(caught.value) == (
        "8 requests are waiting, which is all the queue holds. Try again in about 1 min."
    )
    assert caught.value.retry_after_s == 8 * 5.0


def test_a_full_share_says_what_to_do(scheduler: Scheduler) -> None:
    for number in range(SHARE):
        scheduler.admit(job_of(f"{number}", ONE, guild=number))
    with pytest.raises(BusyError) as caught:
        scheduler.admit(job_of("more", ONE))
    assert str(caught.value) == (
        "You have 4 requests under way; the limit is 4. Wait for one of them, or cancel one."
    )
    assert caught.value.retry_after_s > 0
    scheduler.admit(job_of("somebody else's", ONE, member=2))


def test_the_estimate_learns_from_what_was_measured(scheduler: Scheduler) -> None:
    scheduler.admit(job_of("first", ONE))
    scheduler.assign([idle()])
    scheduler.admit(job_of("second", ONE, member=2))
    scheduler.admit(job_of("third", ONE, member=3))
    assert scheduler.eta_s("third", workers=1) is None
    scheduler.finished("first", run_s=4.0)
    assert scheduler.eta_s("second", workers=1) == 0.0
    assert scheduler.eta_s("third", workers=1) == 4.0
    assert scheduler.eta_s("third", workers=2) == 2.0
    assert scheduler.eta_s("third", workers=0) == 4.0
    scheduler.assign([idle()])
    scheduler.finished("second", run_s=14.0)
    scheduler.admit(job_of("fourth", ONE, member=4))
    assert scheduler.eta_s("fourth", workers=1) == pytest.approx(0.7 * 4 + 0.3 * 14)
