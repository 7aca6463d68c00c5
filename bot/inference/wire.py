"""What passes between the bot and a worker: one frame a message, down one socket a worker.

A frame is a 4-byte big-endian length and a MessagePack body; pictures are raw bytes inside the
body. MessagePack can carry nothing that runs, so a worker that met a hostile file cannot run code
in the bot.
"""

from __future__ import annotations

import socket
import struct

import msgspec

from bot.catalogue.model import Model
from bot.errors import Sentence
from bot.tasks.progress import Progress
from bot.tasks.registry import AnyRequest, Result

Tokens = dict[int, tuple[int, ...]]
"""By the number of a row: what was written of it, or is new in it."""

MAX_FRAME_BYTES = 1 << 28
_LENGTH = struct.Struct("!I")


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a model from the folder of its checkpoint."""

    model: Model
    folder: str


class Unload(msgspec.Struct, frozen=True, tag="unload"):
    """Forget a model that no job uses."""

    model_id: str


class RowDone(msgspec.Struct, frozen=True, tag="row_done"):
    """One of the texts that a job's answer is made of is whole: the one with this number."""

    job_id: str
    text: str
    tokens: int
    stopped_by: str
    number: int = 0


class Written(msgspec.Struct, frozen=True):
    """What a job wrote in a run that was broken off: whole rows, and the tokens of others."""

    rows: tuple[RowDone, ...] = ()
    tokens: Tokens = {}


class RunJob(msgspec.Struct, frozen=True, tag="run"):
    """Run a job on a loaded model; it is stopped softly ``max_run_s`` after it began."""

    job_id: str
    model_id: str
    request: AnyRequest
    seed: int
    max_run_s: float
    written: Written = Written()


class CancelJob(msgspec.Struct, frozen=True, tag="cancel"):
    """Stop a job at its next step."""

    job_id: str


class Lend(msgspec.Struct, frozen=True, tag="lend"):
    """Use so many threads from the next step on."""

    threads: int


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Answer with a :class:`Pong`."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A worker is up; ``missing`` names modules that its forkserver failed to import before."""

    pid: int
    missing: tuple[str, ...]


class LoadBegan(msgspec.Struct, frozen=True, tag="load_began"):
    """A worker has come to a load: should it die now, the model is suspect."""

    model_id: str


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """A model is in memory; ``note`` is for the operator: how it is run, and why not better.

    ``could_be_prepared`` says that preparing it would make it faster, ``gathers`` that its jobs are
    best run side by side in one worker.
    """

    model_id: str
    size_bytes: int
    load_s: float
    note: str = ""
    could_be_prepared: bool = False
    gathers: bool = False


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed"):
    """A model could not be loaded."""

    model_id: str
    message: str
    traceback: str
    out_of_memory: bool = False


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """News of a job; ``seq`` counts from 0 within one run, ``tokens`` are those new in its rows."""

    job_id: str
    seq: int
    progress: Progress
    tokens: Tokens = {}


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A job has its result; ``batch`` jobs at the most shared its run."""

    job_id: str
    result: Result
    run_s: float
    batch: int = 1


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """A job cannot be done as it was asked, and why: for the person."""

    job_id: str
    sentence: Sentence


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A job failed by a fault of the model or of ours."""

    job_id: str
    message: str
    traceback: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A job was stopped: cancelled, or out of time where ``expired`` is true."""

    job_id: str
    expired: bool


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The worker lives; ``steps`` grows while its net works."""

    steps: int


ToWorker = Load | Unload | RunJob | CancelJob | Lend | Ping
FromWorker = (
    Hello
    | LoadBegan
    | Loaded
    | LoadFailed
    | Progressed
    | RowDone
    | Done
    | Refused
    | Failed
    | Ended
    | Pong
)

_encoder = msgspec.msgpack.Encoder()
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """Return a message as one frame, ready to be sent."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def body_length(prefix: bytes) -> int:
    """Return the length of the body that follows a 4-byte prefix.

    Raises:
        ConnectionError: The length is beyond what any message can have.
    """
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_FRAME_BYTES:
        raise ConnectionError(f"a frame of {length} bytes is not one of ours")
    return int(length)


PREFIX_BYTES = _LENGTH.size


def receive(connection: socket.socket) -> bytes | None:
    """Return the body of the next frame from a blocking socket, or ``None`` at its end."""
    prefix = _receive_exactly(connection, PREFIX_BYTES)
    return None if prefix is None else _receive_exactly(connection, body_length(prefix))


def _receive_exactly(connection: socket.socket, count: int) -> bytes | None:
    buffer = bytearray(count)
    view, have = memoryview(buffer), 0
    while have < count:
        got = connection.recv_into(view[have:])
        if got == 0:
            return None
        have += got
    return bytes(buffer)
