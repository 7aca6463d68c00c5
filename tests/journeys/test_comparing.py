"""The same prompt with several seeds, side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]


async def test_two_seeds_stand_side_by_side(member: Member) -> None:
    asked = await member.invoke("compare", task="complete", prompt="In the old harbour", seeds=3)
    message = await asked.settled(90, until=lambda message: message["content"].count("\n-# ") == 3)
    parts = message["content"].split("**SmolLM2 135M Instruct, seed ")[1:]
    assert len(parts) == 3
    seeds = [int(part.partition("**")[0]) for part in parts]
    assert seeds == [seeds[0], seeds[0] + 1, seeds[0] + 2]
    texts = [part.partition("**\n")[2].partition("\n-# ")[0] for part in parts]
    assert all(text.startswith("In the old harbour") for text in texts)
    assert len(set(texts)) == 3
    assert len(message["content"]) <= 2000


async def test_an_unfit_model_is_refused_before_anything_is_asked(member: Member) -> None:
    asked = await member.invoke(
        "compare", task="complete", prompt="Once", first="smollm2", second="ppocr"
    )
    told = await asked.settled()
    assert told["only_for"] == member.id
    assert "cannot do /complete" in told["content"]


async def test_only_models_that_can_do_the_task_are_offered(member: Member) -> None:
    offered = await member.autocomplete("compare", "first", "", task="complete", prompt="x")
    assert [choice["name"] for choice in offered] == ["SmolLM2 135M Instruct"]
