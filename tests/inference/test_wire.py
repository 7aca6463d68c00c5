"""The wire: every message comes out as it went in, and nothing else comes out at all."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from bot.errors import Sentence, UserError
from bot.inference import wire
from bot.inference.job import Answered, Unanswered
from bot.tasks.picture import Picture
from tests.inference.conftest import ECHO, MakeJob, running

TEXTS = st.text(max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
SENTENCES = st.recursive(
    st.builds(Sentence, text=TEXTS),
    lambda inner: st.builds(
        Sentence, text=TEXTS, values=st.dictionaries(TEXTS, TEXTS | NUMBERS | inner, max_size=2)
    ),
    max_leaves=3,
)


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Return a strategy for every value that a type of the wire can take."""
    match kind:
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.StructType(cls=cls) if cls is Sentence:
            return SENTENCES
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: values(field.type) for field in fields})
        case inspect.UnionType(types=types):
            return st.one_of(*(values(one) for one in types))
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=3).map(tuple)
        case inspect.TupleType(item_types=items):
            return st.tuples(*(values(item) for item in items))
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=3)
        case inspect.StrType(pattern=None):
            return TEXTS
        case inspect.StrType(pattern=pattern):
            return st.from_regex(f"{pattern.removesuffix('$')}\\Z")
        case inspect.IntType(ge=low, le=high):
            return st.integers(-(2**63) if low is None else low, high or 2**63 - 1)
        case inspect.FloatType(ge=low, gt=above, le=high):
            least = low if above is None else above
            return st.floats(least, high, allow_nan=False, exclude_min=above is not None, width=64)
        case inspect.LiteralType(values=choices):
            return st.sampled_from(choices)
        case inspect.BytesType():
            return st.binary(max_size=50)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise NotImplementedError(kind)


TO_WORKER = values(inspect.type_info(wire.ToWorker))
FROM_WORKER = values(inspect.type_info(wire.FromWorker))


def body_of(frame: bytes) -> bytes:
    assert wire.body_length(frame[: wire.PREFIX_BYTES]) == len(frame) - wire.PREFIX_BYTES
    return frame[wire.PREFIX_BYTES :]


@given(message=TO_WORKER)
def test_what_goes_to_a_worker_comes_out_as_it_went_in(message: wire.ToWorker) -> None:
    assert wire.to_worker.decode(body_of(wire.frame(message))) == message


@given(message=FROM_WORKER)
def test_what_comes_from_a_worker_comes_out_as_it_went_in(message: wire.FromWorker) -> None:
    assert wire.from_worker.decode(body_of(wire.frame(message))) == message


@given(body=st.binary(max_size=60))
def test_bytes_that_are_no_message_are_refused_as_such(body: bytes) -> None:
    for decoder in (wire.to_worker, wire.from_worker):
        try:
            message = decoder.decode(body)
        except msgspec.DecodeError:
            continue
        assert decoder.decode(body_of(wire.frame(message))) == message


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(message=FROM_WORKER, data=st.data())
def test_a_stream_that_breaks_off_gives_none(message: wire.FromWorker, data: st.DataObject) -> None:
    frame = wire.frame(message)
    cut = data.draw(st.integers(0, len(frame) - 1))
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(frame + frame[:cut])
        assert wire.receive(ours) == body_of(frame)
        assert wire.receive(ours) is None


def test_a_big_picture_crosses_in_pieces(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 20_000
    picture = Picture(data=data, width=9, height=9, alt_text="x")
    frame = wire.frame(wire.Done("job", picture, 1.5))
    sending = threading.Thread(target=theirs.sendall, args=(frame,))
    sending.start()
    body = wire.receive(ours)
    sending.join()
    assert body is not None
    done = wire.from_worker.decode(body)
    assert done == wire.Done("job", picture, 1.5)
    assert len(frame) < len(data) + 200, "picture bytes are sent as they are"


def test_a_length_beyond_any_message_is_refused(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    assert wire.body_length(struct.pack("!I", wire.MAX_FRAME_BYTES)) == wire.MAX_FRAME_BYTES
    theirs.sendall(struct.pack("!I", wire.MAX_FRAME_BYTES + 1))
    with pytest.raises(ConnectionError, match=f"a frame of {wire.MAX_FRAME_BYTES + 1} bytes"):
        wire.receive(ours)


async def test_a_worker_that_talks_nonsense_is_replaced(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        news = [item async for item in executor.submit(job("babble"))]
        assert isinstance(news[-1], Unanswered)
        assert isinstance(news[-1].error, UserError)
        assert executor.status().deaths == 2
        news = [item async for item in executor.submit(job("hello", ECHO))]
        assert isinstance(news[-1], Answered)
