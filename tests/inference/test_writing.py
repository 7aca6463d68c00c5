"""Jobs of several rows in a worker: side by side and in order, as many as others leave them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from bot.decoding.engine import Engine, Finish, ReadsOneByOne
from bot.decoding.sampling import Row, Sampling
from bot.errors import UserError
from bot.families.base import GeneratingFamily
from bot.inference import wire
from bot.inference.ends import Jobs
from bot.inference.running import Running
from bot.inference.writing import Prepared, Writing
from bot.tasks.progress import TextSoFar
from bot.tasks.text_to_text import CompleteText, TextResult

WORDS = 1000
SLOTS = 4


class Counting(ReadsOneByOne):
    """Finds the next number likeliest; fails behind 500."""

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        pass

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        if ids[-1] > 500:
            raise ArithmeticError("beyond 500")
        return torch.nn.functional.one_hot(torch.tensor(ids[-1] + 1), WORDS).float()

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        pairs = zip(slots, tokens, strict=True)
        return torch.stack([self.extend(slot, [token]) for slot, token in pairs])

    def free(self, slot: int) -> None:
        pass


class Counters(GeneratingFamily):
    """Prompt: where rows begin, and how many tokens each has; ``.`` waits for all before it."""

    def __init__(self, slots: int = SLOTS) -> None:
        tokenizer = Tokenizer(WordLevel({str(n): n for n in range(WORDS)}, unk_token="0"))
        ends = frozenset({WORDS - 1})
        self.engine: Engine = Engine(Counting(), tokenizer, ends, slots, spare=slots)

    def row(self, request: Any, seed: int) -> Row:
        return self._leg(request.prompt.split(",")[0])

    def next_row(
        self, request: Any, seed: int, finishes: Sequence[Finish], ahead: int = 0
    ) -> Row | None:
        legs = request.prompt.split(",")[len(finishes) :]
        if ahead >= len(legs) or (ahead and any("." in leg for leg in legs[1 : ahead + 1])):
            return None
        return self._leg(legs[ahead])

    def shown_with(self, request: Any, finishes: Sequence[Finish], text: str) -> str:
        texts = [*(finish.text for finish in finishes), text]
        return " | ".join(text.strip() for text in texts if text)

    def result(self, request: Any, finish: Finish) -> TextResult:
        return self.result_of(request, [finish])

    def result_of(self, request: Any, finishes: Sequence[Finish]) -> TextResult:
        return TextResult(
            text=self.shown_with(request, finishes, ""), tokens=0, stopped_by="length"
        )

    def size_bytes(self) -> int:
        return 1

    @staticmethod
    def _leg(text: str) -> Row:
        if text == "x":
            raise UserError("x is no number")
        first, _, count = text.strip(".").partition("+")
        return Row(ids=(int(first),), sampling=Sampling(max_new_tokens=int(count or 3)))


class Slow(Counters):
    """Takes long to prepare, for as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.thread = ""
        self.error: Exception | None = None

    def prepare(self, request: Any) -> None:
        self.thread = threading.current_thread().name
        assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error


class Desk:
    """A worker's desk without its sockets: gives out jobs, steps, and hears what is sent."""

    def __init__(self, family: Counters) -> None:
        self.family = family
        self.sent: list[Any] = []
        self.prepared: list[Prepared] = []
        self.steps = 0
        self.jobs = Jobs(self.sent.append)
        self.writing = Writing(
            {"counters": family}, self.jobs, self.sent.append, self.prepared.append, self.count
        )

    def count(self) -> None:
        self.steps += 1

    def order(self, job_id: str, prompt: str, written: wire.Written | None = None) -> Running:
        request = CompleteText(prompt=prompt)
        order = wire.RunJob(job_id, "counters", request, 0, 60.0, written or wire.Written())
        running = Running(order, self.sent.append)
        self.jobs.by_id[job_id] = running
        self.writing.begin(self.family, running)
        return running

    def turn(self) -> None:
        self.writing.let_join()
        self.writing.advance()

    def finish(self) -> None:
        while self.jobs.by_id:
            self.turn()
            assert self.steps < 1000

    def ends(self, kind: Any = wire.Done) -> dict[str, Any]:
        return {message.job_id: message for message in self.sent if isinstance(message, kind)}

    def growing(self, job_id: str) -> int:
        return sum(key.split()[0] == job_id for key in self.family.engine.joined())


@pytest.fixture
def desk() -> Desk:
    return Desk(Counters())


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.inference.running.TELL_EVERY_S", 0.0)


def counted(first: int, count: int = 3) -> str:
    return " ".join(str(first + n + 1) for n in range(count))


def test_rows_grow_side_by_side_and_come_out_in_order(desk: Desk) -> None:
    desk.order("a", "10+9,20,30+6,40,50,60")
    desk.turn()
    assert desk.growing("a") == SLOTS
    desk.finish()
    legs = counted(10, 9), counted(20), counted(30, 6), counted(40), counted(50), counted(60)
    assert desk.ends()["a"].result.text == " | ".join(legs)
    assert desk.steps == 9  # of the longest; one after another they take 27
    texts = [
        message.progress.text
        for message in desk.sent
        if isinstance(message, wire.Progressed) and isinstance(message.progress, TextSoFar)
    ]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert texts[0] == "11"  # of the rows beside it nothing is seen before it is whole


def test_a_row_that_needs_those_before_it_waits_for_them(desk: Desk) -> None:
    desk.order("a", "10+9,20,.30,40")
    for _ in range(8):
        desk.turn()
        assert set(desk.family.engine.joined()) <= {"a 0", "a 1"}
    desk.finish()
    legs = counted(10, 9), counted(20), counted(30), counted(40)
    assert desk.ends()["a"].result.text == " | ".join(legs)


def test_who_comes_later_joins_at_once_and_has_the_same_share(desk: Desk) -> None:
    desk.order("page", ",".join(f"{n}+6" for n in range(100, 400, 10)))
    desk.turn()
    for other in ("b", "c", "d"):
        desk.order(other, "10+40")
    desk.turn()
    assert all(desk.growing(other) == 1 for other in "bcd")  # although the page has every slot
    for _ in range(12):
        desk.turn()
    assert desk.growing("page") == 1
    desk.finish()
    assert set(desk.ends()) == {"page", "b", "c", "d"}


def test_two_pages_share_what_there_is(desk: Desk) -> None:
    desk.order("a", ",".join(f"{n}+6" for n in range(100, 400, 10)))
    desk.turn()
    desk.order("b", ",".join(f"{n}+6" for n in range(100, 400, 10)))
    for _ in range(12):
        desk.turn()
    most = {"a": 0, "b": 0}
    for _ in range(6):
        desk.turn()
        most = {job: max(so_far, desk.growing(job)) for job, so_far in most.items()}
    assert most == {"a": 2, "b": 2}


def test_a_job_has_eight_rows_at_most_and_beside_another_four() -> None:
    desk = Desk(Counters(slots=32))
    desk.order("page", ",".join(f"{n}+6" for n in range(100, 400, 10)))
    desk.turn()
    assert desk.growing("page") == 8
    desk.order("b", "10+40")
    for _ in range(12):
        desk.turn()
    most = 0
    for _ in range(6):
        desk.turn()
        most = max(most, desk.growing("page"))
    assert most == 4


@pytest.mark.parametrize(
    ("prompt", "kind"), [("10,20,x", wire.Refused), ("10,600,30", wire.Failed)]
)
def test_what_goes_wrong_in_one_row_ends_the_job_once(desk: Desk, prompt: str, kind: Any) -> None:
    desk.order("a", prompt)
    desk.order("b", "10+9")
    desk.finish()
    assert set(desk.ends(kind)) == {"a"}
    assert set(desk.ends()) == {"b"}
    assert not len(desk.family.engine)


def test_a_cancel_ends_all_rows_of_a_job(desk: Desk) -> None:
    running = desk.order("a", "10+90,20+90,30+90")
    desk.order("b", "10+9")
    desk.turn()
    running.cancelled.set()
    desk.turn()
    assert set(desk.ends(wire.Ended)) == {"a"}
    assert desk.family.engine.joined() == ["b 0"]


def test_another_run_goes_on_with_every_row_where_it_was(desk: Desk) -> None:
    """What was told of the first run is all that the second has not to do again."""
    first = desk.order("a", "10+9,20,30+9,40+9,50+9")
    for _ in range(4):
        desk.turn()
    first.report(TextSoFar(text=""))  # so that all tokens are told
    rows = tuple(message for message in desk.sent if isinstance(message, wire.RowDone))
    tokens: dict[int, tuple[int, ...]] = {}
    for message in desk.sent:
        if isinstance(message, wire.Progressed):
            for number, new in message.tokens.items():
                tokens[number] = tokens.get(number, ()) + new
    whole = {row.number for row in rows}
    assert whole == {1}  # behind one that still grows
    tokens = {number: new for number, new in tokens.items() if number not in whole}
    assert tokens[0] == (11, 12, 13, 14)
    again = Desk(Counters())
    again.order("a", "10+9,20,30+9,40+9,50+9", wire.Written(rows, tokens))
    again.finish()
    desk.finish()
    assert again.ends()["a"].result == desk.ends()["a"].result
    assert again.steps == 8  # five of the four rows that had begun, then what is left of the fifth
    redone = {message.number for message in again.sent if isinstance(message, wire.RowDone)}
    assert 1 not in redone


def test_what_takes_long_is_prepared_while_others_write() -> None:
    family = Slow()
    desk = Desk(family)
    desk.order("slow", "10")
    quick = Counters()
    desk.writing._families["quick"] = quick  # type: ignore[index]
    order = wire.RunJob("quick", "quick", CompleteText(prompt="20"), 0, 60.0)
    desk.jobs.by_id["quick"] = Running(order, desk.sent.append)
    desk.writing.begin(quick, desk.jobs.by_id["quick"])
    for _ in range(5):
        desk.turn()
    assert set(desk.ends()) == {"quick"}
    assert not desk.writing.is_busy  # the loop may sleep
    family.go_on.set()
    wait_for(desk.prepared)
    desk.writing.prepared(desk.prepared.pop())
    desk.finish()
    assert desk.ends()["slow"].result.text == counted(10)
    assert family.thread != threading.current_thread().name


def test_what_was_cancelled_while_it_was_prepared_ends_at_once() -> None:
    family = Slow()
    desk = Desk(family)
    running = desk.order("slow", "10")
    running.cancelled.set()
    desk.writing.stop_waiting()
    assert set(desk.ends(wire.Ended)) == {"slow"}
    family.go_on.set()
    wait_for(desk.prepared)
    desk.writing.prepared(desk.prepared.pop())
    assert not desk.writing.is_busy


def test_what_is_refused_while_it_is_prepared_is_told() -> None:
    family = Slow()
    family.error = UserError("there is no text")
    family.go_on.set()
    desk = Desk(family)
    desk.order("slow", "10")
    wait_for(desk.prepared)
    desk.writing.prepared(desk.prepared.pop())
    assert desk.ends(wire.Refused)["slow"].sentence == UserError("there is no text").sentence


def wait_for(prepared: list[Prepared]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if prepared:
            return
        pause.wait(0.01)
    raise AssertionError("nothing was prepared")
