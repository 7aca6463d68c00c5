"""Pictures are picked, answers starred and hung in the gallery; two fight in the arena."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PIL import Image

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
ASKED = {"prompt": "Once upon a time", "max_tokens": 6}


async def said(asked: Awaitable[Invocation]) -> str:
    return str((await (await asked).settled())["content"])


async def test_one_of_several_pictures_is_posted_alone(member: Member, finished: Finished) -> None:
    sheet = await finished(await member.invoke("imagine", prompt="a cat", count=3))
    assert len(sheet["attachments"]) == 3
    picked = await finished(await member.click(sheet, "2"))
    (file,) = picked["attachments"]
    assert await member.download(file) == await member.download(sheet["attachments"][1])
    assert file["description"] == sheet["attachments"][1]["description"]
    assert picked["content"].startswith("-# 2 · Emoji DALL-E mini")


async def test_the_first_star_is_the_owners_and_then_everybodys(
    member: Member, finished: Finished
) -> None:
    answer = await finished(await member.invoke("complete", **ASKED))
    job_id = answer["content"].rpartition("`")[0].rpartition("`")[2]
    async with Member(member.address, "stranger") as stranger:
        assert "Only the person who asked for this can hang it" in await said(
            stranger.click(answer, "☆")
        )
        assert (await said(member.click(answer, "☆"))).startswith("Starred.")
        assert (await said(stranger.click(answer, "☆"))).startswith("Starred.")
        wall = await said(stranger.invoke("gallery show"))
        assert "★ 2 stars" in wall
        assert "/complete prompt:Once upon a time" in wall
        assert f"[`{job_id}`](https://discord.com/channels/" in wall
        assert await said(stranger.click(answer, "☆")) == "The star is taken back."
        refused = await said(stranger.invoke("gallery remove", id=job_id))
        assert refused.startswith("Only the person who hung this")
    assert "★ 1 star " in await said(member.invoke("gallery show", sort="new"))
    assert await said(member.invoke("gallery remove", id=job_id)) == "It is taken down."
    assert job_id not in await said(member.invoke("gallery show"))


async def test_pages_are_turned(house: House, member: Member, finished: Finished) -> None:
    for number in range(6):
        answer = await finished(await member.invoke("complete", **ASKED, seed=number))
        await said(member.click(answer, "☆"))
    shown = await (await member.invoke("gallery show", sort="new")).settled()
    assert "Page 1 of 2" in shown["content"]
    assert "seed:5" in shown["content"]
    exported = await (await member.invoke("privacy export")).settled()
    everything = json.loads(await member.download(exported["attachments"][0]))
    assert len(everything["gallery"]) == len(everything["stars"]) >= 6
    assert {"duels", "votes", "preferences"} <= set(everything)
    await member.click(shown, "▶")
    await member.until(lambda: "Page 2 of 2" in member.seen[shown["id"]]["content"])
    assert "seed:0" in member.seen[shown["id"]]["content"]
    await said(member.invoke("privacy delete"))
    assert "Nothing hangs here yet" in await said(member.invoke("gallery show"))


async def test_two_fight_without_names_until_these_are_told(member: Member) -> None:
    asked = await member.invoke("arena fight", task="complete", prompt="In the old harbour")
    fight = await asked.settled(90, until=lambda message: "A is better" in str(message))
    assert "SmolLM2" not in str(fight)
    assert fight["content"].startswith("**A**\nIn the old harbour")
    assert not any("SmolLM2" in str(state) for state in asked.updates)
    assert await said(member.click(fight, "A is better")) == (
        "Your vote: A is better. There is 1 vote. 19 more votes on /complete in this server, and "
        "the ratings in `/arena table` begin to mean something."
    )
    async with Member(member.address, "stranger") as stranger:
        assert "There are 2 votes." in await said(stranger.click(fight, "Both alike"))
        assert "There are 2 votes." in await said(stranger.click(fight, "B is better"))
        refused = await said(stranger.click(fight, "Tell the names"))
        assert refused.startswith("Only the person who called this duel")
    await member.click(fight, "Tell the names")
    await member.until(lambda: "**A** is smollm2" in member.seen[fight["id"]]["content"])
    after = member.seen[fight["id"]]
    assert "A is better: 1 · B is better: 1 · Both alike: 0" in after["content"]
    assert not after["components"]
    assert "Nobody has voted on two models" in await said(member.invoke("arena table", task="ask"))


async def test_others_are_drawn_like_one_that_was_picked(
    member: Member, finished: Finished
) -> None:
    drawn = await finished(await member.invoke("conjure", what="cat", count=7, seed=5))
    assert len(drawn["attachments"]) == 7
    picked = await finished(await member.click(drawn, "6"))
    assert picked["content"].startswith("-# 6 · ")
    alone = await finished(await member.invoke("conjure", what="cat", seed=10))
    same = [await member.download(one["attachments"][0]) for one in (picked, alone)]
    assert same[0] == same[1], "its seed is that of the sheet, and five"
    like = await finished(await member.click(picked, "More like this"))
    assert len(like["attachments"]) == 4
    card = await (await member.click(like, "Info")).settled()
    assert "near:10" in card["content"]


async def test_a_picture_of_a_sheet_is_varied_by_half(member: Member, finished: Finished) -> None:
    answer = await finished(await member.invoke("imagine", prompt="a red heart", seed=3))
    names = [file["filename"] for file in answer["attachments"]]
    own = [re.findall(r"-([1-4])\.png$", name)[0] for name in names]
    assert sorted(own) == list("1234")
    picked = await (await member.click(answer, "2")).settled()
    like = await finished(await member.click(picked, "More like this"))
    assert f"are those of picture {own[1]} of seed 3;" in like["content"]
    card = await (await member.click(like, "Info")).settled()
    assert f"near:3/{own[1]}" in card["content"]
    again = await finished(await member.click(like, "Again"))
    both = [[await member.download(f) for f in each["attachments"]] for each in (like, again)]
    assert both[0] == both[1]
    info = Image.open(io.BytesIO(both[0][0])).info
    assert info["Near"] == f"3/{own[1]}"
    deeper = await (await member.click(like, "1")).settled()
    closer = await finished(await member.click(deeper, "More like this"))
    card = await (await member.click(closer, "Info")).settled()
    assert re.search(rf"near:3/{own[1]} \d+/[1-4]", card["content"])


async def test_a_picture_moves_from_thing_to_thing(member: Member, finished: Finished) -> None:
    answer = await finished(await member.invoke("conjure", what="cat + car", walk=True))
    (file,) = answer["attachments"]
    assert file["filename"].endswith(".gif")
    image: Any = Image.open(io.BytesIO(await member.download(file)))
    assert image.n_frames > 10
    both = await (await member.invoke("conjure", what="cat", walk=True, count=2)).settled()
    assert "Leave out `count`, or `walk`." in both["content"]


async def test_a_deleted_message_hangs_no_more(
    house: House, member: Member, finished: Finished
) -> None:
    answer = await finished(await member.invoke("complete", **ASKED))
    job_id = re.findall(r"`([0-9a-f]{8})`", answer["content"])[-1]
    await said(member.click(answer, "☆"))
    assert job_id in await said(member.invoke("gallery show", sort="new"))
    world = house.playground.world
    world.delete(world.messages[int(answer["id"])])  # as a moderator does, without our button
    gallery = house.application.service.gallery
    async with asyncio.timeout(10):
        while await gallery.hangs(job_id):
            await asyncio.sleep(0.01)


async def test_pictures_that_fight_do_not_tell_who_drew_them(member: Member) -> None:
    asked = await member.invoke("arena fight", task="conjure", prompt="cat")
    fight = await asked.settled(90, until=lambda message: "A is better" in str(message))
    assert not any("biggan" in str(state).lower() for state in (*asked.updates, fight))
    one, other = fight["attachments"]
    assert [file["filename"] for file in (one, other)] == ["A-1.png", "B-1.png"]
    assert one["description"] == "A picture of a cat, drawn by A."
    for file in (one, other):
        image = Image.open(io.BytesIO(await member.download(file)))
        image.load()
        assert not image.info


async def test_a_model_by_two_of_its_names_is_one_model(member: Member) -> None:
    asked = await member.invoke(
        "arena fight", task="complete", prompt="The sea",
        first="smollm2", second="smollm2-135m-instruct",
    )  # fmt: skip
    fight = await asked.settled(90, until=lambda message: "A is better" in str(message))
    one, other = fight["content"].removeprefix("**A**\n").split("\n\n**B**\n")
    assert one != other, "they have different seeds"
    await said(member.click(fight, "A is better"))
    table = await said(member.invoke("arena table", task="complete"))
    assert "smollm2` " not in table
