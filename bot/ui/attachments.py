"""Files that members upload: checked by what Discord says of them, then read.

Nothing is decoded here: what a picture really holds is for the workers to find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import Sentence, UserError
from bot.ui.limits import PICTURE_BYTES, TEXT_FILE_BYTES

if TYPE_CHECKING:
    import discord

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
TEXT_ENDINGS = (".txt", ".md")
NO_PICTURE = Sentence("{name} does not look like a picture. Send a PNG, JPEG, WebP or GIF.")
NO_TEXT = Sentence("{name} does not look like a text. Send a .txt or .md file.")


def check_picture(attachment: discord.Attachment) -> None:
    """Refuse a file that cannot be a picture, or is too big to be fetched.

    Raises:
        UserError: With the fact, the limit and the next step.
    """
    _check_ending(attachment, PICTURE_ENDINGS, NO_PICTURE)
    _check_size(attachment, PICTURE_BYTES)


async def read_text(attachment: discord.Attachment) -> str:
    """Return the text of an attached .txt or .md file.

    Raises:
        UserError: It is another kind of file, too big, or not UTF-8.
    """
    _check_ending(attachment, TEXT_ENDINGS, NO_TEXT)
    _check_size(attachment, TEXT_FILE_BYTES)
    try:
        return (await attachment.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(
            "{filename} is not UTF-8 text. Save it as UTF-8 and send it again.",
            filename=attachment.filename,
        ) from None


def _check_ending(
    attachment: discord.Attachment, endings: tuple[str, ...], otherwise: Sentence
) -> None:
    if not attachment.filename.lower().endswith(endings):
        raise UserError(Sentence(otherwise.text, {"name": attachment.filename}))


def _check_size(attachment: discord.Attachment, limit: int) -> None:
    if attachment.size > limit:
        raise UserError(
            "{filename} has {size:.1f} MB; the limit is {limit} MB. Send a smaller one.",
            filename=attachment.filename,
            size=attachment.size / (1 << 20),
            limit=limit >> 20,
        )
