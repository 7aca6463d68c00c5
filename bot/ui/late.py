"""The ways of an answer that comes when the reply to its interaction can not be changed any more.

First an ordinary message in the channel, where everybody saw the question and the bot may write;
then a direct message; and what cannot be delivered is kept for a day, for ``/job show``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import structlog

from bot.errors import UserError
from bot.locales import say
from bot.service import Owed
from bot.ui.paging import add_leaves
from bot.ui.refusals import UNREACHABLE
from bot.ui.replies import Reply, headed, page_of
from bot.ui.views import films_in, not_this, verbs_in, view_of

if TYPE_CHECKING:
    from bot.client import Menagerie

log = structlog.get_logger("answer")

_OF_SERVERS = (["share"], ["star"], ["follow"])


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for an answer, where and since when.

    Args:
        user_id: Who asked.
        asked_at: When, in seconds since 1970.
        message_id: The message that waits for the answer; ``None`` where it is not known.
        channel_id: Where it is; ``None`` where the answer is not to be written.
        guild_id: The server of that channel.
        private: Whether only the one who asked is to see the answer.
    """

    user_id: int
    asked_at: float
    message_id: int | None
    channel_id: int | None = None
    guild_id: int | None = None
    private: bool = False

    @classmethod
    def of(
        cls, interaction: discord.Interaction[Any], message_id: int | None, *, ephemeral: bool
    ) -> Late:
        """Return by which ways the answer to an interaction may go."""
        here = may_write(interaction) and (not ephemeral or interaction.context.dm_channel)
        return cls(
            user_id=interaction.user.id,
            asked_at=interaction.created_at.timestamp(),
            message_id=message_id,
            channel_id=interaction.channel_id if here else None,
            guild_id=interaction.guild_id,
            private=ephemeral,
        )

    def notice(self, job_id: str) -> str:
        """Return where the answer will come."""
        if self.channel_id is not None:
            return say(
                "This takes longer than Discord lets a reply be changed. The answer comes as a "
                "message of its own, in this channel."
            )
        return say(
            "This takes longer than Discord lets a reply be changed. The answer comes to you as a "
            "direct message; if I may not write to you, `/job show id:{id}` gives it for a day.",
            id=job_id,
        )

    async def deliver(
        self, client: Menagerie, reply: Reply, view: discord.ui.View | None, job_id: str
    ) -> discord.Message | None:
        """Give an answer to the one who asked, by the first way that is open.

        Return its message; ``None`` where it is kept instead.
        """
        offered = [] if view is None else [getattr(i, "custom_id", "") for i in view.children]
        for name, way in (("channel", self._post), ("direct", self._write)):
            try:
                message = await way(client, reply, view)
                if message is not None:
                    log.info("answer delivered late", job=job_id, way=name)
                    return message
            except UNREACHABLE as error:
                log.warning("way closed", job=job_id, way=name, error=str(error))
        if not job_id:  # there is nothing by which it could be asked for
            return None
        verbs, pictures = verbs_in(offered)
        kept = await client.service.archive.owe(
            Owed(
                job_id=job_id,
                user_id=self.user_id,
                content=reply.content,
                files=tuple(reply.files or ()),
                verbs=tuple(verbs),
                pictures=pictures,
                films=() if view is None else films_in(view),
            )
        )
        log.info("answer kept", job=job_id, kept=kept)
        return None

    async def _post(
        self, client: Menagerie, reply: Reply, view: discord.ui.View | None
    ) -> discord.Message | None:
        """Write the answer into the channel, below the message that waits for it."""
        if self.channel_id is None:
            return None
        channel = client.get_partial_messageable(self.channel_id, guild_id=self.guild_id)
        waiting = None if self.message_id is None else channel.get_partial_message(self.message_id)
        head = say("For <@{user}>, asked <t:{time}:R>:", user=self.user_id, time=int(self.asked_at))
        answer = await channel.send(
            **_sent(reply, head, view),
            reference=self._reference(),  # type: ignore[arg-type]
        )
        if waiting is not None:
            try:
                text = say("The answer is here: {link}", link=answer.jump_url)
                await waiting.edit(content=text, attachments=[], view=None)
            except UNREACHABLE as error:  # it may be gone; the answer is there
                log.info("waiting message not changed", error=str(error))
        return answer

    def _reference(self) -> discord.MessageReference | None:
        """Return what the answer replies to: the message that waits, if it is still there."""
        if self.message_id is None or self.channel_id is None:
            return None
        return discord.MessageReference(
            message_id=self.message_id,
            channel_id=self.channel_id,
            guild_id=self.guild_id,
            fail_if_not_exists=False,
        )

    async def _write(
        self, client: Menagerie, reply: Reply, view: discord.ui.View | None
    ) -> discord.Message | None:
        """Write the answer to the one who asked, where nobody else sees it."""
        person = await client.fetch_user(self.user_id)
        head = say("What you asked <t:{time}:R>:", time=int(self.asked_at))
        for item in view.children if view is not None else ():  # what works in servers only
            if verbs_in([getattr(item, "custom_id", None) or ""])[0] in _OF_SERVERS:
                view.remove_item(item)  # type: ignore[union-attr]
        return await person.send(**_sent(reply, head, view))


def may_write(interaction: discord.Interaction[Any]) -> bool:
    """Say whether the bot may write messages of its own where somebody asks."""
    if interaction.guild_id is None:
        return interaction.context.dm_channel
    if not interaction.is_guild_integration():
        return False  # installed by the member alone: the bot itself is not there
    return _writes(interaction, interaction.app_permissions)


def _writes(interaction: discord.Interaction[Any], permissions: discord.Permissions) -> bool:
    in_thread = isinstance(interaction.channel, discord.Thread)
    sends = permissions.send_messages_in_threads if in_thread else permissions.send_messages
    return permissions.view_channel and sends


def _sent(reply: Reply, head: str, view: discord.ui.View | None) -> dict[str, Any]:
    """Return what ``send`` takes: the answer below a line that says whose it is; without pings."""
    files = [] if reply.files is None else reply.as_edit()["attachments"]
    return {
        "content": headed(reply.content, head),
        "files": files,
        "view": view,
        "allowed_mentions": discord.AllowedMentions.none(),
    }


async def give(interaction: discord.Interaction[Menagerie], owed: Owed) -> None:
    """Show an answer that is owed to the one who asked, alone."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    reply = Reply(content=owed.content, files=owed.files)
    in_server = interaction.guild_id is not None
    left_out = ("share", "star") if in_server else ("share", "star", "follow")
    verbs = [verb for verb in owed.verbs if verb not in left_out]
    if in_server and verbs:
        verbs.insert(0, "share")
    view = view_of(owed.job_id, verbs, owed.pictures)
    with contextlib.suppress(UserError):  # one page has no others
        said, _ = await interaction.client.service.archive.pages_of(owed.job_id)
        add_leaves(view, owed.job_id, 0, page_of(said, 0)[2])
    if owed.films:
        view.add_item(not_this(owed.job_id, owed.films))
    await interaction.followup.send(
        reply.content,
        files=reply.as_edit()["attachments"],
        view=view if view.children else discord.utils.MISSING,
        ephemeral=True,
    )
