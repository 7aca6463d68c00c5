"""People of several languages ask at the same time, and each reads their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]

SAID = {  # by locale: the first words of a refusal, a button, and what /sentiment is called
    "de": ("In diesem Text stehen keine", "Noch einmal", "stimmung"),
    "es-ES": ("En este texto no hay", "Otra vez", "sentimiento"),
    "fr": ("Il n’y a", "Encore", "sentiment"),
    "ja": ("この", "もう一度", "感情分析"),
    "pt-BR": ("Não há palavras", "De novo", "sentimento"),
}


async def persona(member: Member, locale: str) -> str:
    """Let somebody in who reads a language; return who they are."""
    body = {"name": f"Reader of {locale}", "locale": locale, "manages_guild": False}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{member.address}/playground/personas", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["key"])


async def asked(member: Member, locale: str, finished: Finished) -> tuple[str, list[str]]:
    """Return a refusal and the labels of the buttons, as somebody of a language sees them."""
    async with Member(member.address, await persona(member, locale)) as reader:
        refusal = await refused(reader)
        answer = await finished(await reader.invoke("sentiment", text="What a lovely day!"))
        buttons = [each["label"] for row in answer["components"] for each in row["components"]]
        return refusal, buttons


async def refused(member: Member) -> str:
    """Ask for a summary of nothing; return what only the one who asked reads then."""
    asked = await member.invoke("summarize", text="\u200b \n")
    return str((await asked.settled(60, until=lambda told: told["only_for"]))["content"])


async def test_each_reads_their_own_language_at_the_same_time(
    member: Member, finished: Finished
) -> None:
    seen = await asyncio.gather(*(asked(member, locale, finished) for locale in SAID))
    for (refusal, buttons), (begins, again, _) in zip(seen, SAID.values(), strict=True):
        assert refusal.startswith(begins)
        assert buttons[0] == again
    assert (await refused(member)).startswith("There are no words in this text.")


async def test_the_commands_have_names_in_every_language(member: Member) -> None:
    (sentiment,) = [
        c for c in await member.commands() if c["name"] == "sentiment" and c["type"] == 1
    ]
    for locale, (_, _again, name) in SAID.items():
        assert sentiment["name_localizations"][locale] == name
        assert sentiment["description_localizations"][locale] != sentiment["description"]
