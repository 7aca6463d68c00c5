"""Private answers: who gets them, and the button by which one is posted for all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import discord
import structlog

from bot.errors import UserError
from bot.locales import say, told
from bot.ui.callers import caller_of
from bot.ui.late import may_write
from bot.ui.refusals import UNREACHABLE
from bot.ui.replies import headed
from bot.ui.views import LABELS, PRIVATE, custom_id, verbs_in

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.service import Service

    Press = discord.Interaction[Menagerie]

log = structlog.get_logger("answer")


def whispers(
    interaction: discord.Interaction[Any], service: Service, wanted: bool | None = None
) -> bool:
    """Say whether somebody wants an answer that they alone see; in direct messages all are.

    Args:
        interaction: To be answered.
        service: Knows what they like.
        wanted: What they said in the command that opened a form, if they said it.
    """
    if interaction.context.dm_channel:
        return False
    if is_hushed(interaction):
        return True
    typed: bool | None = interaction.namespace.private  # None where there is no such option
    if (said := typed if wanted is None else wanted) is not None:
        return said
    return service.rules.of_member(interaction.user.id).private or is_private(interaction.message)


def is_hushed(interaction: discord.Interaction[Any]) -> bool:
    """Say whether Discord lets nobody else see answers: a member's own app where none may be used.

    Source: "Use External Apps" among Discord's permissions.
    """
    brought_along = interaction.is_user_integration() and not interaction.is_guild_integration()
    return brought_along and not interaction.permissions.use_external_apps


def is_private(message: discord.Message | None) -> bool:
    """Say whether a message is a private answer, or asks about one: what it leads to is private.

    It stays so when the answer was shared, and when its owner's other answers are for all again.
    """
    if message is None or not message.flags.ephemeral:
        return False
    about_any = custom_id("with", "")  # the list of models, which only the one who asked sees
    identities = [each for each in _identities(message) if each.startswith("job:")]
    return any(not i.startswith(about_any) or i.endswith(PRIVATE) for i in identities)


async def share(interaction: Press, job_id: str) -> None:
    """Post a private answer for all, once, with its files and buttons; it pings nobody.

    Raises:
        UserError: It is not private or not theirs, was shared already, or may not be posted here.
    """
    message, archive = interaction.message, interaction.client.service.archive
    if message is None or not message.flags.ephemeral:
        raise UserError("Only a private answer can be shared, and this one is not.")
    if not await archive.owns(job_id, interaction.user.id):
        raise UserError("Only the person who asked for this can share it.")
    _require_room(interaction)
    caller = caller_of(interaction)
    kept = await archive.kept(job_id, caller)
    if kept.caller.guild_id != interaction.guild_id:
        raise UserError("That cannot be done from here.")
    interaction.client.service.check(kept.request, kept.model_id, caller)
    if not await archive.shared.add(message.id, interaction.user.id):
        raise UserError("You have shared this already.")
    await interaction.response.defer()
    try:
        await _post(interaction, message, job_id)
    except UNREACHABLE as error:  # the private answer stays where it is
        log.warning("answer not shared", job=job_id, error=str(error))
        await archive.shared.remove(message.id)
        text = say("That could not be posted. Try again in a minute.")
        await interaction.followup.send(text, ephemeral=True)
        return
    with contextlib.suppress(*UNREACHABLE):  # it is shared all the same
        await interaction.edit_original_response(view=_unshared(message))


async def _post(interaction: Press, message: discord.Message, job_id: str) -> None:
    files = [
        await each.to_file(
            use_cached=False, spoiler=each.is_spoiler(), description=each.description
        )
        for each in message.attachments
    ]
    view = _unshared(message)
    if "again" in _verbs(message) and interaction.guild_id is not None:
        label = told(LABELS["star"])
        view.add_item(discord.ui.Button(label=label, custom_id=custom_id("star", job_id)))
    content = headed(message.content, say("Shared by <@{user}>", user=interaction.user.id))
    posted = await interaction.followup.send(
        content,
        files=files,
        view=view if view.children else discord.utils.MISSING,
        allowed_mentions=discord.AllowedMentions.none(),
        wait=True,
    )
    await interaction.client.service.archive.posted(job_id, posted.id, posted.channel.id, None)


def _require_room(interaction: Press) -> None:
    """Refuse where the member or the bot may not write.

    Raises:
        UserError: With what to do instead.
    """
    mine = interaction.permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    writes = mine.send_messages_in_threads if in_thread else mine.send_messages
    if interaction.guild_id is not None and not writes:
        raise UserError("You may not write in this channel, so you cannot share it here either.")
    if not may_write(interaction):
        raise UserError(
            "I may not write in this channel, so it cannot be shared here. Whoever manages the "
            "server can let me."
        )


def _unshared(message: discord.Message) -> discord.ui.View:
    """Return all that can be pressed below a private answer but *Share*."""
    view = discord.ui.View.from_message(message, timeout=None)
    for item in view.children:
        if (getattr(item, "custom_id", None) or "").startswith(custom_id("share", "")):
            view.remove_item(item)
    view.stop()
    return view


def _verbs(message: discord.Message) -> list[str]:
    """Return what the buttons below a message do."""
    return verbs_in(_identities(message))[0]


def _identities(message: discord.Message) -> list[str]:
    """Return the ids of all that can be pressed or picked below a message."""
    children = [child for row in message.components for child in getattr(row, "children", ())]
    return [getattr(child, "custom_id", None) or "" for child in children]
