"""Reads the variables of a TensorFlow checkpoint without TensorFlow: names, shapes and bytes.

A checkpoint ("tensor bundle") is an index, ``NAME.index``, and data, ``NAME.data-00000-of-00001``.
The index is a sorted string table as LevelDB has them: blocks of keys and values, each with a
checksum; the values are protocol buffers that say where in the data a tensor lies. Formats:
tensorflow/core/lib/io/table_format.txt, tensorflow/core/protobuf/tensor_bundle.proto.

Nothing is believed: lengths stay within the file, and every checksum is compared.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import OperatorError

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5  # after each block: how it is compressed, its checksum
FLOAT, STRING = 1, 7  # of TensorFlow's numbers of dtypes
MASK_DELTA = 0xA282EAD8
POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies: TensorFlow's number of its dtype, its shape, its place in the data."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class Bundle:
    """The variables of one checkpoint.

    Args:
        prefix: Path of its files without ``.index``.

    Raises:
        OperatorError: A file is absent, damaged, or of another format.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        path = prefix.with_name(f"{prefix.name}.index")
        try:
            table = dict(_table(path.read_bytes()))
            header = fields(table.pop(b""))
            self._shards = number(header, 1, 1)
            if number(header, 2):
                raise ValueError("its numbers are big-endian")
            self.entries: Mapping[str, Entry] = {
                key.decode(): _entry(value) for key, value in table.items()
            }
        except OSError as error:
            raise OperatorError(f"{path}: it cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, IndexError, struct.error) as error:
            raise OperatorError(
                f"{path}: this is no index of a TensorFlow checkpoint, or it is damaged: {error}."
            ) from error

    def floats(self, name: str) -> tuple[bytes, tuple[int, ...]]:
        """Return the bytes of a float32 tensor, little-endian in C order, and its shape.

        Raises:
            OperatorError: There is no such tensor, it is damaged, or of another dtype.
        """
        entry = self._known(name, FLOAT)
        data = self._data(name, entry)
        cells = 1
        for side in entry.shape:
            cells *= side
        if len(data) != 4 * cells or mask(crc32c(data)) != entry.checksum:
            raise self._damaged(name)
        return data, entry.shape

    def text(self, name: str) -> bytes:
        """Return the bytes of a tensor that is one string.

        Raises:
            OperatorError: There is no such tensor, it is damaged, or of another dtype.
        """
        entry = self._known(name, STRING)
        data = self._data(name, entry)
        try:
            length, start = varint(data, 0)
        except IndexError:
            raise self._damaged(name) from None
        told, text = data[start : start + 4], data[start + 4 :]
        # the checksum is of the length as a plain integer, its own checksum, and the text
        checked = struct.pack("<I", length & 0xFFFFFFFF)
        if (
            entry.shape
            or len(text) != length
            or told != struct.pack("<I", mask(crc32c(checked)))
            or mask(crc32c(checked + told + text)) != entry.checksum
        ):
            raise self._damaged(name)
        return text

    def _known(self, name: str, dtype: int) -> Entry:
        entry = self.entries.get(name)
        if entry is None or entry.dtype != dtype:
            raise OperatorError(f"{self._prefix}: it has no tensor {name!r} of the wanted kind.")
        return entry

    def _data(self, name: str, entry: Entry) -> bytes:
        suffix = f"data-{entry.shard:05d}-of-{self._shards:05d}"
        path = self._prefix.with_name(f"{self._prefix.name}.{suffix}")
        try:
            with path.open("rb") as file:
                file.seek(entry.offset)
                data = file.read(min(entry.size, path.stat().st_size))
        except (OSError, OverflowError) as error:
            raise OperatorError(f"{path}: it cannot be read: {error}.") from error
        if len(data) != entry.size:
            raise self._damaged(name)
        return data

    def _damaged(self, name: str) -> OperatorError:
        return OperatorError(f"{self._prefix}: the tensor {name!r} is damaged. Fetch it again.")


def fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Return the values of a protocol buffer by field number, in their order.

    Varints and fixed numbers are integers without sign, all else is bytes. Raises ValueError or
    IndexError where it is none.
    """
    found: dict[int, list[int | bytes]] = {}
    place = 0
    while place < len(message):
        tag, place = varint(message, place)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, place = varint(message, place)
        else:
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, place = varint(message, place)
            value = message[place : place + size]
            if not (size or kind == 2) or len(value) != size:
                raise ValueError("a protocol buffer ends too early")
            place += size
            if kind != 2:
                value = int.from_bytes(value, "little")
        found.setdefault(tag >> 3, []).append(value)
    return found


def number(message: Mapping[int, list[int | bytes]], field: int, default: int = 0) -> int:
    """Return a field that is a number; of several values the last counts."""
    value = message.get(field, [default])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {field} of a protocol buffer is no number")
    return value


def messages(message: Mapping[int, list[int | bytes]], field: int) -> Iterator[bytes]:
    """Yield the values of a field that holds messages, texts or bytes."""
    for value in message.get(field, ()):
        if not isinstance(value, bytes):
            raise ValueError(f"field {field} of a protocol buffer is a number")
        yield value


def varint(data: bytes, place: int) -> tuple[int, int]:
    """Read a number of variable length; return it and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number has more than ten bytes")


def crc32c(data: bytes) -> int:
    """Return Castagnoli's checksum; about six million bytes a second, and these are few."""
    value, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def mask(checksum: int) -> int:
    """Return a checksum as LevelDB stores it, so that checksums of checksums stay good."""
    return ((checksum >> 15 | checksum << 17) + MASK_DELTA) & 0xFFFFFFFF


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC_TABLE = _crc_table()


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a sorted string table."""
    footer = data[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        raise ValueError("it does not end as such a table does")
    offset, place = varint(footer, 0)
    size, place = varint(footer, place)
    if any(True for _ in _block(data, offset, size)):
        raise ValueError("its second index, which is for filters, is not empty")
    offset, place = varint(footer, place)
    size, _ = varint(footer, place)
    for _, handle in _block(data, offset, size):
        start, place = varint(handle, 0)
        length, _ = varint(handle, place)
        yield from _block(data, start, length)


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of one block; each key leaves out what it shares with the last."""
    body = data[offset : offset + size + TRAILER_BYTES]
    if len(body) != size + TRAILER_BYTES or size < 4:
        raise ValueError("a block lies outside the file")
    if struct.unpack("<I", body[-4:])[0] != mask(crc32c(body[:-4])):
        raise ValueError("the checksum of a block is wrong")
    if body[size]:
        raise ValueError("a block is compressed, which TensorFlow does not do")
    restarts = struct.unpack("<I", body[size - 4 : size])[0]
    end = size - 4 * (restarts + 1)
    key, place = b"", 0
    while place < end:
        shared, place = varint(body, place)
        own, place = varint(body, place)
        length, place = varint(body, place)
        if place + own + length > end or shared > len(key):
            raise ValueError("an entry lies outside its block")
        key = key[:shared] + body[place : place + own]
        yield key, body[place + own : place + own + length]
        place += own + length


def _entry(message: bytes) -> Entry:
    found = fields(message)
    if 7 in found:
        raise ValueError("a tensor lies in slices")
    shape = tuple(
        number(fields(side), 1)
        for described in messages(found, 2)
        for side in messages(fields(described), 2)
    )
    return Entry(
        dtype=number(found, 1),
        shape=shape,
        shard=number(found, 3),
        offset=number(found, 4),
        size=number(found, 5),
        checksum=number(found, 6),
    )
