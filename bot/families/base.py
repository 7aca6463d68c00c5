"""What a family is: the adapter for one kind of architecture.

A family is one module of this package, named by a catalogue entry's ``family``. It holds a
function ``load(model: Model, folder: Path) -> BatchFamily | GeneratingFamily``; the worker owns
everything else: queues, deadlines, cancelling, streaming, memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.decoding.engine import Emission, Finish
    from bot.decoding.sampling import Row
    from bot.tasks.picture import Picture
    from bot.tasks.registry import Result

Inputs = TypeVar("Inputs")
Outputs = TypeVar("Outputs")


class Stopped(Exception):
    """The run must end now: it was cancelled, or its deadline has passed."""


class Run(Protocol):
    """What a forward pass may say and ask while it runs."""

    def check(self) -> None:
        """Raise :class:`Stopped` if the run was cancelled or is out of time."""

    def step(self, done: int, total: int, preview: Picture | None = None) -> None:
        """Report step ``done`` of ``total``, then :meth:`check`."""


class Unwatched:
    """A :class:`Run` that nobody watches or stops."""

    def check(self) -> None:
        """Go on."""

    def step(self, done: int, total: int, preview: Picture | None = None) -> None:
        """Go on."""


class BatchFamily(ABC, Generic[Inputs, Outputs]):
    """A family whose answers come whole: encoders, image nets, OCR.

    ``preprocess`` and ``postprocess`` see one job, ``forward`` sees a batch and gives one output
    per input in the same order. Any of them may raise :class:`bot.errors.UserError`.
    """

    @abstractmethod
    def preprocess(self, request: Any, seed: int) -> Inputs:
        """Turn a request into what the net reads; refuse what it cannot read."""

    @abstractmethod
    def forward(self, batch: list[Inputs], run: Run) -> list[Outputs]:
        """Run the net on a batch; call ``run.step`` or ``run.check`` at least every second."""

    @abstractmethod
    def postprocess(self, outputs: Outputs, request: Any) -> Result:
        """Turn one output into the result that the person gets."""

    @abstractmethod
    def size_bytes(self) -> int:
        """Return how much memory the weights take."""


class Rows(Protocol):
    """What a worker does with rows that grow side by side: :class:`bot.decoding.engine.Engine`."""

    @property
    def note(self) -> str:
        """What the operator should know of how the rows are run."""

    @property
    def could_be_prepared(self) -> bool:
        """Whether they would run faster, had the model been prepared."""

    @property
    def gathers(self) -> bool:
        """Whether the rows are best kept together in one process."""

    @property
    def has_room(self) -> bool:
        """Whether another row can join."""

    @property
    def has_spare(self) -> bool:
        """Whether a job that is in may have another row beside those that it has."""

    def __len__(self) -> int: ...

    def joined(self) -> list[str]:
        """Return the keys of the rows that are in."""

    def join(self, key: str, row: Row, *, ahead: bool = False) -> None:
        """Take a row in, ``ahead`` of those that wait if it goes on from one that was in."""

    def leave(self, key: str) -> None:
        """Drop a row, finished or not; unknown keys are ignored."""

    def admit(self) -> list[str]:
        """Begin the rows for which there is room in memory; return their keys."""

    def step(self) -> list[Emission]:
        """Advance the rows; those that no :meth:`admit` began are begun here."""


class GeneratingFamily(ABC):
    """A family that writes token by token; the decoding engine owns its loop."""

    engine: Rows

    @abstractmethod
    def row(self, request: Any, seed: int) -> Row:
        """Turn a request into a row of the batch: token ids, sampling, stops."""

    @abstractmethod
    def result(self, request: Any, finish: Finish) -> Result:
        """Turn the finished text into the result that the person gets."""

    def shown(self, request: Any, text: str) -> str:
        """Return what a person sees while the text grows; by default the text as it is."""
        return text

    def prepare(self, request: Any) -> None:  # noqa: B027 - most have nothing of the kind
        """Do what of :meth:`row` takes long and needs no net, and keep it for that.

        It is called in a thread of its own, while the rows of others grow. By default there is
        nothing of the kind.
        """

    def next_row(
        self, request: Any, seed: int, finishes: Sequence[Finish], ahead: int = 0
    ) -> Row | None:
        """Return the row that comes after those that are finished, or ``None``: it was the last.

        For requests that take several: a text in pieces, a page line by line. By default one does.

        Args:
            request: What was asked.
            seed: The job's.
            finishes: Those of the first rows.
            ahead: So many rows that are not finished come between them and the one that is asked
                for; ``None`` then also says that it needs what they write.
        """
        return None

    def shown_with(self, request: Any, finishes: Sequence[Finish], text: str) -> str:
        """Return what a person sees while the row after ``finishes`` grows, with those before."""
        return self.shown(request, text)

    def result_of(self, request: Any, finishes: Sequence[Finish]) -> Result:
        """Turn all finished rows into the result that the person gets."""
        return self.result(request, finishes[-1])

    @abstractmethod
    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
