"""An answer is an object: its buttons, its command, what is kept of it; after a restart too."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.config import Config, Inference, Privacy
from bot.playground.invocation import Invocation
from bot.playground.member import Member
from bot.playground.server import Playground
from tests.journeys.restarts.conftest import a_bot

pytestmark = [pytest.mark.timeout(240)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
ASKED = {"prompt": "The cat sat", "max_tokens": 12, "seed": 4}


def text_of(message: dict[str, Any]) -> str:
    return str(message["content"].partition("\n-# ")[0])


def id_of(message: dict[str, Any]) -> str:
    found = re.search(r"`([0-9a-f]{8})`", message["content"])
    assert found
    return found[1]


async def test_the_buttons_of_an_answer_work_after_a_restart(
    playground: Playground, member: Member, environ: dict[str, str], finished: Finished
) -> None:
    async with a_bot(playground, member, environ):
        first = await finished(await member.invoke("complete", **ASKED))
    async with a_bot(playground, member, environ):
        again = await finished(await member.click(first, "Again"))
        assert again["id"] != first["id"]
        assert text_of(again) == text_of(first)
        assert "seed 4" in again["content"]

        varied = await finished(await member.click(first, "Vary"))
        assert "seed 4 " not in varied["content"]
        assert text_of(varied) != text_of(first)

        told = await (await member.click(first, "Info")).settled()
        assert told["only_for"] == member.id
        typed = "/complete prompt:The cat sat max_tokens:12 model:smollm2-135m-instruct seed:4"
        assert typed in told["content"]

        shown = await (await member.invoke("job show", id=id_of(first))).settled()
        assert typed in shown["content"]
        repeated = await finished(await member.invoke("job again", id=id_of(first)))
        assert text_of(repeated) == text_of(first)

        other = await (await member.click(first, "Other model…")).settled()
        assert "No other model on this machine can do /complete" in other["content"]

        async with Member(playground.address, "stranger") as stranger:
            refused = await (await stranger.click(first, "Delete")).settled()
            assert "Only the person who asked" in refused["content"]
            assert refused["only_for"] == stranger.id
            for button in ("Info", "Again", "Vary"):  # a request may hold what they never saw
                refused = await (await stranger.click(first, button)).settled()
                assert refused["content"].startswith("Only the person who asked")
            looked = await (await stranger.invoke("job show", id=id_of(first))).settled()
            assert ASKED["prompt"] not in looked["content"]
        assert first["id"] in member.seen
        await member.click(first, "Delete")
        await member.until(lambda: first["id"] not in member.seen)
        gone = await (await member.invoke("job show", id=id_of(first))).settled()
        assert "not kept any more" in gone["content"]


@pytest.mark.slow
async def test_films_that_nobody_wants_make_room_after_a_restart_too(
    playground: Playground, member: Member, environ: dict[str, str], finished: Finished
) -> None:
    def films(message: dict[str, Any]) -> list[str]:
        return re.findall(r"(?m)^\d+\. (.*?) \(\d\.\d ★\)", message["content"])

    async with a_bot(playground, member, environ):
        asked = await member.invoke("recommend", liked="Alien 5, Fargo 4, Titanic 2")
        first = await finished(asked)
    whole = films(first)
    assert len(whole) == 10
    async with a_bot(playground, member, environ):
        second = await finished(await member.select(first, [whole[0], whole[2]]))
        assert films(second)[:8] == [title for title in whole if title not in (whole[0], whole[2])]
        assert len(films(second)) == 10
        third = await finished(await member.select(second, films(second)[0]))
        told = await (await member.click(third, "Info")).settled()
        assert f"without:{whole[0]}; {whole[2]}; {whole[1]} model:" in told["content"]
        again = await finished(await member.click(third, "Again"))
        assert films(again) == films(third)
        async with Member(playground.address, "stranger") as stranger:
            refused = await (await stranger.select(first, whole[0])).settled()
            assert refused["content"].startswith("Only the person who asked")
            assert refused["only_for"] == stranger.id


async def test_a_member_sees_takes_and_deletes_what_is_kept(
    playground: Playground, member: Member, environ: dict[str, str], finished: Finished
) -> None:
    async with a_bot(playground, member, environ):
        answer = await finished(await member.invoke("complete", **ASKED))
        shown = await (await member.invoke("privacy show")).settled()
        assert "1 request" in shown["content"]
        assert "30 days" in shown["content"]

        exported = await (await member.invoke("privacy export")).settled()
        (file,) = exported["attachments"]
        everything = json.loads(await member.download(file))
        assert everything["requests"][0]["request"]["prompt"] == ASKED["prompt"]
        assert everything["jobs"][0]["state"] == "done"

        deleted = await (await member.invoke("privacy delete")).settled()
        assert deleted["content"].startswith("Deleted: 1 job ")
        shown = await (await member.invoke("privacy show")).settled()
        assert "0 requests" in shown["content"]
        refused = await (await member.click(answer, "Again")).settled()
        assert "not kept any more" in refused["content"]
        await member.click(answer, "Delete")
        await member.until(lambda: answer["id"] not in member.seen)


async def test_nothing_is_kept_where_the_operator_keeps_nothing(
    playground: Playground,
    member: Member,
    environ: dict[str, str],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = Config(inference=Inference(workers=1, threads=1), privacy=Privacy(keep_days=0))
    monkeypatch.setattr("tests.journeys.restarts.conftest.CONFIG", config)
    async with a_bot(playground, member, environ):
        answer = await finished(await member.invoke("complete", **ASKED))
        assert not answer["components"]
        shown = await (await member.invoke("privacy show")).settled()
        assert "requests not at all" in shown["content"]


async def test_stars_pages_votes_and_picks_outlive_the_bot(
    playground: Playground, member: Member, environ: dict[str, str], finished: Finished
) -> None:
    async with a_bot(playground, member, environ):
        sheet = await finished(await member.invoke("imagine", prompt="a cat", count=2))
        asked = await member.invoke("arena fight", task="imagine", prompt="a cat")
        fight = await asked.settled(60, until=lambda message: "A is better" in str(message))
        await (await member.click(fight, "B is better")).settled()
    async with a_bot(playground, member, environ):
        picked = await finished(await member.click(sheet, "2"))
        assert picked["content"].startswith("-# 2 · ")
        starred = await (await member.click(sheet, "☆")).settled()
        assert starred["content"].startswith("Starred.")
        shown = await (await member.invoke("gallery show")).settled()
        assert id_of(sheet) in shown["content"]
        voted = await (await member.click(fight, "A is better")).settled()
        assert voted["content"].startswith("Your vote: A is better. There is 1 vote. 19 more")
        await member.click(fight, "Tell the names")
        await member.until(lambda: "A is better: 1 " in member.seen[fight["id"]]["content"])
