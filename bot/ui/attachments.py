"""Files that members upload: checked by what Discord says of them, then read.

Nothing is decoded here: what a picture really holds is for the workers to find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import UserError
from bot.ui.limits import PICTURE_BYTES, TEXT_FILE_BYTES

if TYPE_CHECKING:
    import discord

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
TEXT_ENDINGS = (".txt", ".md")


def check_picture(attachment: discord.Attachment) -> None:
    """Refuse a file that cannot be a picture, or is too big to be fetched.

    Raises:
        UserError: With the fact, the limit and the next step.
    """
    _check_ending(attachment, PICTURE_ENDINGS, "a picture", "a PNG, JPEG, WebP or GIF")
    _check_size(attachment, PICTURE_BYTES)


async def read_text(attachment: discord.Attachment) -> str:
    """Return the text of an attached .txt or .md file.

    Raises:
        UserError: It is another kind of file, too big, or not UTF-8.
    """
    _check_ending(attachment, TEXT_ENDINGS, "a text", "a .txt or .md file")
    _check_size(attachment, TEXT_FILE_BYTES)
    try:
        return (await attachment.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(
            f"{attachment.filename} is not UTF-8 text. Save it as UTF-8 and send it again."
        ) from None


def _check_ending(
    attachment: discord.Attachment, endings: tuple[str, ...], wanted: str, advice: str
) -> None:
    if not attachment.filename.lower().endswith(endings):
        raise UserError(f"{attachment.filename} does not look like {wanted}. Send {advice}.")


def _check_size(attachment: discord.Attachment, limit: int) -> None:
    if attachment.size > limit:
        raise UserError(
            f"{attachment.filename} has {attachment.size / (1 << 20):.1f} MB; the limit is "
            f"{limit >> 20} MB. Send a smaller one."
        )
