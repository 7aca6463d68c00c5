"""The playground's pure pieces: mentions, file types, picture headers, command lengths."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from bot.playground.components import numbered, walk
from bot.playground.filetypes import guess_type
from bot.playground.forms import command_length
from bot.playground.gateway import REPLAYED, Session
from bot.playground.limits import embed_length
from bot.playground.mentions import EVERYTHING, USERS_ONLY, find_pings
from bot.playground.pictures import picture_size, portrait
from bot.playground.records import Pings
from bot.playground.world import World

TEXT = "<@1> <@!2> <@&3> @everyone <@1>"


@pytest.mark.parametrize(
    ("allowed", "default", "pinged"),
    [
        (None, EVERYTHING, Pings((1, 2), (3,), everyone=True)),
        (None, USERS_ONLY, Pings((1, 2))),
        ({"parse": []}, EVERYTHING, Pings()),
        ({"users": ["2", "9"]}, EVERYTHING, Pings((2,))),
        ({"parse": ["roles"]}, EVERYTHING, Pings((), (3,))),
        ({"parse": ["everyone"]}, EVERYTHING, Pings(everyone=True)),
    ],
)
def test_who_is_pinged_is_what_is_mentioned_and_allowed(
    allowed: dict[str, Any] | None, default: dict[str, Any], pinged: Pings
) -> None:
    assert find_pings(TEXT, allowed, default, None) == pinged


@pytest.mark.parametrize(("replied_user", "users"), [(True, (7,)), (False, ())])
def test_a_reply_pings_only_if_it_says_so(replied_user: bool, users: tuple[int, ...]) -> None:
    allowed = {"parse": [], "replied_user": replied_user}
    assert find_pings("hello", allowed, EVERYTHING, 7) == Pings(users)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.JPG", "image/jpeg"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a", None),
        ("a.nothing", None),
    ],
)
def test_a_type_is_guessed_from_the_name(name: str, kind: str | None) -> None:
    assert guess_type(name) == kind


def test_a_picture_that_is_far_too_large_still_has_a_size() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    crc = struct.pack(">I", zlib.crc32(chunk))
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + crc
    idat = b"IDAT"
    bomb += struct.pack(">I", 0) + idat + struct.pack(">I", zlib.crc32(idat))
    assert picture_size(bomb) == (60_000, 50_000)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"])
def test_a_broken_picture_has_no_size(data: bytes) -> None:
    assert picture_size(data) is None


def test_a_portrait_is_a_picture() -> None:
    with Image.open(io.BytesIO(portrait(3))) as image:
        image.load()
        assert image.size == (128, 128)


def test_the_longest_language_counts_for_a_command() -> None:
    command = {
        "name": "abc",
        "description": "defg",
        "description_localizations": {"de": "hijklm"},
        "options": [
            {"name": "n", "description": "o", "choices": [{"name": "pq", "value": "rst"}]},
        ],
    }
    assert command_length(command) == 3 + 6 + 1 + 1 + 2 + 3


def test_the_texts_of_an_embed_are_counted_together() -> None:
    embed = {
        "title": "a",
        "description": "bc",
        "footer": {"text": "def"},
        "author": {"name": "g"},
        "fields": [{"name": "h", "value": "ij"}],
        "image": {"url": "https://example.com/not-counted"},
    }
    assert embed_length(embed) == 10


def test_components_get_ids_that_are_not_taken() -> None:
    given: list[dict[str, Any]] = [
        {"type": 1, "components": [{"type": 2, "id": 1}, {"type": 2}]},
        {"type": 10, "id": 0},
    ]
    assert [one["id"] for one in walk(numbered(given))] == [2, 1, 3, 4]
    assert "id" not in given[0]


def test_ids_grow_even_when_the_clock_stands_still() -> None:
    world = World(lambda: 1_700_000_000.0)
    ids = [world.snowflake() for _ in range(5)]
    assert ids == sorted(set(ids))
    assert (ids[0] >> 22) + 1_420_070_400_000 == 1_700_000_000_000


def test_a_session_replays_only_what_it_still_has() -> None:
    session = Session("a", 0)
    for number in range(REPLAYED + 5):
        session.dispatch("TEST", {"n": number})
    assert session.missed_after(session.sequence) == []
    assert [frame["s"] for frame in session.missed_after(session.sequence - 2) or ()] == [
        1004,
        1005,
    ]
    assert session.missed_after(1) is None
    assert session.missed_after(session.sequence + 1) is None
