"""Files that members upload: what is taken, and what is said of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bot.errors import UserError
from bot.ui.attachments import check_picture, read_text
from bot.ui.limits import PICTURE_BYTES, TEXT_FILE_BYTES


@dataclass
class Attachment:
    """What Discord says of an upload, and its bytes; ``size`` may be any number."""

    filename: str
    data: bytes = b""
    size: int = -1
    reads: int = 0

    def __post_init__(self) -> None:
        self.size = len(self.data) if self.size < 0 else self.size

    async def read(self) -> bytes:
        self.reads += 1
        return self.data


def picture(attachment: Any) -> None:
    check_picture(attachment)


async def text(attachment: Any) -> str:
    return await read_text(attachment)


@pytest.mark.parametrize(
    "name", ["a.png", "A.PNG", "a b.jpeg", "x.jpg", "x.webp", "é.gif", "x.bmp"]
)
def test_pictures_are_taken_by_their_ending(name: str) -> None:
    picture(Attachment(name, size=PICTURE_BYTES))


@pytest.mark.parametrize("name", ["a.txt", "png", "a.png.exe", "", "a.svg"])
def test_what_is_no_picture_is_refused_with_what_to_send(name: str) -> None:
    with pytest.raises(UserError) as caught:
        picture(Attachment(name))
    assert str(caught.value) == (
        f"{name} does not look like a picture. Send a PNG, JPEG, WebP or GIF."
    )


def test_a_big_picture_is_refused_with_fact_limit_and_next_step() -> None:
    with pytest.raises(UserError) as caught:
        picture(Attachment("a.png", size=PICTURE_BYTES + (3 << 20)))
    assert str(caught.value) == "a.png has 28.0 MB; the limit is 25 MB. Send a smaller one."


@pytest.mark.parametrize(
    ("data", "content"),
    [("é漢👩\r\n".encode(), "é漢👩\r\n"), (b"\xef\xbb\xbfmarked", "marked"), (b"", "")],
)
async def test_a_text_is_read_as_utf8(data: bytes, content: str) -> None:
    assert await text(Attachment("a.txt", data)) == content
    assert await text(Attachment("B.MD", data)) == content


@pytest.mark.parametrize(
    ("attachment", "said"),
    [
        (Attachment("a.doc", b"x"), "a.doc does not look like a text. Send a .txt or .md file."),
        (
            Attachment("a.txt", b"x", size=TEXT_FILE_BYTES + (1 << 19)),
            "a.txt has 1.5 MB; the limit is 1 MB. Send a smaller one.",
        ),
        (
            Attachment("a.txt", b"caf\xe9"),
            "a.txt is not UTF-8 text. Save it as UTF-8 and send it again.",
        ),
    ],
)
async def test_other_texts_are_refused_with_what_to_do(attachment: Attachment, said: str) -> None:
    with pytest.raises(UserError) as caught:
        await text(attachment)
    assert str(caught.value) == said


async def test_a_file_that_is_refused_is_not_fetched() -> None:
    attachment = Attachment("a.txt", b"x", size=TEXT_FILE_BYTES + 1)
    with pytest.raises(UserError):
        await text(attachment)
    assert attachment.reads == 0
