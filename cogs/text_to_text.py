"""Texts in, texts out: complete, fill, summarize, translate, ask, sentiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.locales import say
from bot.tasks.text_to_text import (
    ClassifySentiment,
    CompleteText,
    FillMask,
    Summarize,
    Translate,
)
from bot.ui.answer import answer
from bot.ui.choices import language_choices, model_choices, preset_choices
from bot.ui.options import MODEL, PRESET, PRIVATE, SEED, Seed
from bot.ui.talking import question_of
from bot.ui.writing import answer_text

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]
Tokens = app_commands.Range[int, 1, 512]
Temperature = app_commands.Range[float, 0.0, 2.0]


class TextToText(commands.Cog):
    """Commands whose answer is a text about a text."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        prompt="The text to go on from",
        model=MODEL,
        max_tokens="How much to write at most; a token is about four letters",
        temperature="0 is sober, 1 is lively, 2 is wild",
        seed=SEED,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("complete"), preset=preset_choices("complete"))
    async def complete(
        self,
        interaction: Interaction,
        prompt: str,
        model: str | None = None,
        max_tokens: Tokens | None = None,
        temperature: Temperature | None = None,
        seed: Seed | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Continue a text."""
        request = CompleteText(prompt=prompt, max_tokens=max_tokens, temperature=temperature)
        await answer(interaction, self.service, request, model=model, seed=seed, preset=preset)

    @app_commands.command()
    @app_commands.describe(
        text="A text with one hole: [MASK], <mask> or ___", model=MODEL, private=PRIVATE
    )
    @app_commands.autocomplete(model=model_choices("fill"))
    async def fill(
        self,
        interaction: Interaction,
        text: str,
        model: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Find the words that fit a hole in a text."""
        await answer(interaction, self.service, FillMask(text=text), model=model)

    @app_commands.command()
    @app_commands.describe(
        text="The text; without one, a form opens for a long text",
        file="Or a .txt or .md file",
        model=MODEL,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("summarize"))
    async def summarize(
        self,
        interaction: Interaction,
        text: str | None = None,
        file: discord.Attachment | None = None,
        model: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Say a long text in a few sentences."""

        def summary(whole: str) -> Summarize:
            return Summarize(text=whole)

        title = say("Summarize")
        await answer_text(interaction, title, summary, text, file, model=model, private=private)

    @app_commands.command()
    @app_commands.describe(
        text="The text",
        to="The language you want, such as de",
        source="The language it is in, such as en",
        model=MODEL,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.rename(source="from")
    @app_commands.autocomplete(
        to=language_choices,
        source=language_choices,
        model=model_choices("translate"),
        preset=preset_choices("translate"),
    )
    async def translate(
        self,
        interaction: Interaction,
        text: str,
        to: str,
        source: str | None = None,
        model: str | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Translate a text."""
        request = Translate(text=text, to=to, source=source)
        await answer(interaction, self.service, request, model=model, preset=preset)

    @app_commands.command()
    @app_commands.describe(
        question="What you want to know",
        context="A text that holds the answer",
        file="Or a .txt or .md file that holds it",
        follows="The id of an answer to go on from; a thread goes on by itself",
        model=MODEL,
        seed=SEED,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("ask"), preset=preset_choices("ask"))
    async def ask(
        self,
        interaction: Interaction,
        question: str,
        context: str | None = None,
        file: discord.Attachment | None = None,
        follows: str | None = None,
        model: str | None = None,
        seed: Seed | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Ask a question, about a text you give or about anything."""
        wanted = await question_of(interaction, question, context, file, follows)
        await answer(interaction, self.service, wanted, model=model, seed=seed, preset=preset)

    @app_commands.command()
    @app_commands.describe(
        text="The text",
        model=MODEL,
        chart="Draw how each of its sentences sounds, too",
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("sentiment"))
    async def sentiment(
        self,
        interaction: Interaction,
        text: str,
        model: str | None = None,
        chart: bool = False,
        private: bool | None = None,
    ) -> None:
        """Tell whether a text sounds pleased or displeased."""
        request = ClassifySentiment(text=text, chart=chart)
        await answer(interaction, self.service, request, model=model)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(TextToText(bot))
