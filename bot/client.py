"""The Discord client: loads the cogs, publishes their commands, and shows errors to people."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands

import cogs
from bot.locales import with_language
from bot.reloading import reload_extension, watch
from bot.ui.answer import resume
from bot.ui.arena import Ballot
from bot.ui.buttons import JobButton, ModelSelect
from bot.ui.callers import Tongues
from bot.ui.errands import Pointed, Question
from bot.ui.films import NotThis
from bot.ui.gallery import TakeDown, Turn
from bot.ui.handling import noted
from bot.ui.mentions import hear
from bot.ui.paging import Leaf
from bot.ui.refusals import refuse
from bot.ui.translator import CommandWords

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bot.service import Service
    from bot.upkeep import Upkeep

LAST_WORDS_S = 5.0  # for answers still to be sent when the bot closes

log = structlog.get_logger("client")


class Tree(app_commands.CommandTree["Menagerie"]):
    """The command tree: the one place where an error becomes a sentence for a member."""

    async def interaction_check(self, interaction: discord.Interaction[Menagerie]) -> bool:
        """Speak the language of the one who asks, and have them waited for; nobody is refused."""
        noted(interaction.client.answering)
        with_language(interaction.locale.value)
        interaction.client.tongues.note(interaction.user.id, interaction.locale.value)
        return True

    async def on_error(
        self, interaction: discord.Interaction[Menagerie], error: app_commands.AppCommandError
    ) -> None:
        """Tell the one who asked, and nobody else, what went wrong and what to do."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await refuse(interaction, cause)


class Menagerie(commands.Bot):
    """The bot as Discord sees it. Needs no privileged intent and pings nobody.

    Args:
        synced: A file that remembers which commands were last published; ``None`` publishes them
            at every start.
        test_guild: Publish to this guild only, at once; 0 publishes everywhere.
        operators: Ids of people who run the bot, beside the owner of its application and the team.
        watch_cogs: Load a cog anew whenever its file changes.
        upkeep: What those who run the bot may have done to it; without it, nothing.
    """

    def __init__(
        self,
        service: Service,
        *,
        synced: Path | None,
        test_guild: int,
        operators: Collection[int] = (),
        watch_cogs: bool = False,
        upkeep: Upkeep | None = None,
    ) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            tree_cls=Tree,
            guild_ready_timeout=0.0,  # nothing here waits for the list of members
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
        )
        self.service = service
        self.pointed = Pointed()
        self.tongues = Tongues()
        self.upkeep = upkeep
        self.answering: set[asyncio.Task[Any]] = set()
        self._synced = synced
        self._published = ""  # what was published last, as a digest
        self._watch_cogs = watch_cogs
        self._watching: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._command_ids: dict[str, int] | None = None
        self._operators = frozenset(operators)
        self._test_guild = discord.Object(test_guild) if test_guild else None

    async def setup_hook(self) -> None:
        """Load every cog in the folder, then publish the commands if they have changed."""
        self.add_dynamic_items(
            JobButton, ModelSelect, NotThis, Leaf, Turn, TakeDown, Ballot, Question
        )
        for module in pkgutil.iter_modules(cogs.__path__, "cogs."):
            if not module.name.rpartition(".")[2].startswith("_"):
                await self.load_extension(module.name)
        await self.tree.set_translator(CommandWords())
        self._copy_to_test_guild()
        await self._publish()
        self._resuming = asyncio.create_task(resume(self, self.service))
        if self._watch_cogs:
            self._watching = asyncio.create_task(watch(Path(cogs.__path__[0]), self.reload))

    async def reload(self, cog: str) -> bool:
        """Load a cog anew, or for the first time, and publish the commands if they have changed.

        Args:
            cog: Its name, such as ``recommend``; one whose file is gone is let go.

        Returns:
            Whether the commands had changed, and so were published.

        Raises:
            CogBroken: It cannot be loaded; the one that was there stays.
            discord.HTTPException: Discord refuses the commands.
        """
        async with self._reloading:
            try:
                await reload_extension(self, f"cogs.{cog}")
            finally:
                self._copy_to_test_guild()
            return await self._publish()

    async def is_operator(self, user: discord.abc.User) -> bool:
        """Say whether somebody runs this bot."""
        return user.id in self._operators or await self.is_owner(user)

    async def command_ids(self) -> Mapping[str, int]:
        """Return the ids that Discord gave the commands, by their names; asked for once.

        Where Discord does not tell, there are none.
        """
        if self._command_ids is None:
            try:
                known = await self.tree.fetch_commands(guild=self._test_guild)
            except discord.HTTPException as error:
                log.warning("ids of commands not known", error=str(error))
                return {}
            self._command_ids = {each.name: each.id for each in known}
        return self._command_ids

    async def close(self) -> None:
        """Let the answers that are on their way be delivered, then leave.

        Afterwards nothing that members set off is under way: what did not end in time is cancelled.
        """
        for task in (self._watching, self._resuming):
            if task is not None:
                self.answering.add(task)
                task.add_done_callback(self.answering.discard)
        if self._watching is not None:
            self._watching.cancel()
        await self.service.stock.close()
        given_time = await self._waited()
        await super().close()
        await asyncio.sleep(0)  # what came in the last moment begins, and is noted
        for task in given_time & self.answering:
            task.cancel()
        for task in await self._waited():
            task.cancel()
        await self._waited()

    async def _waited(self) -> set[asyncio.Task[Any]]:
        """Wait for what is under way, but not for too long; return what it was."""
        tasks = self.answering - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_S)
        return tasks

    async def on_ready(self) -> None:
        """Note that the gateway is up; this may happen again after every reconnection."""
        log.info("online", user=str(self.user), guilds=len(self.guilds))

    async def on_message(self, message: discord.Message, /) -> None:
        """Answer what is meant for the bot; there are no commands with a prefix."""
        await hear(self, message)

    def _copy_to_test_guild(self) -> None:
        """Let the test guild, if there is one, have the very commands that there are."""
        if self._test_guild is not None:
            self.tree.clear_commands(guild=self._test_guild)
            self.tree.copy_global_to(guild=self._test_guild)

    async def _publish(self) -> bool:
        """Send Discord the commands, unless the very same ones were sent before; say whether."""
        tree = self.tree.get_commands(guild=self._test_guild)
        words = self.tree.translator
        assert words is not None
        payload = [await command.get_translated_payload(self.tree, words) for command in tree]
        text = json.dumps([self.application_id, self._test_guild and self._test_guild.id, payload])
        digest = hashlib.sha256(text.encode()).hexdigest()
        synced = self._synced
        before = synced.read_text() if synced is not None and synced.exists() else self._published
        if before == digest:
            return False
        await self.tree.sync(guild=self._test_guild)
        self._published = digest
        self._command_ids = None
        log.info("commands published", count=len(payload))
        if self._synced is not None:
            self._synced.write_text(digest)
        return True
