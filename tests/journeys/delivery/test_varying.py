"""What a model cannot do with a picture of its own is not offered, and is refused if typed."""

from __future__ import annotations

import pytest

from bot.playground.member import Member
from bot.tasks.text_to_image import ImaginePicture
from tests.journeys.delivery import conftest
from tests.journeys.delivery.conftest import Evening, answered, pictures

LIKE = "More like this"


@pytest.mark.parametrize("family", ["here", "dalle_mini"])
async def test_a_picked_picture_is_varied_where_the_model_can(
    family: str, evening: Evening, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = conftest.Model(id="tiny-imagine", task="imagine", family=family, name="Tiny imagine")
    monkeypatch.setattr(conftest, "MODELS", [model])
    async with evening.bot(member):
        asked = await member.invoke("imagine", prompt="a dot", seed=7)
        evening.stage.say(pictures(), await evening.stage.job())
        picked = await member.click(await answered(member, asked), "2")
        alone = await picked.settled(until=lambda message: bool(message["attachments"]))
        if family == "here":
            assert LIKE not in str(alone["components"])
            typed = await member.invoke("imagine", prompt="a dot", near="7/2")
            refused = await typed.settled()
            assert refused["content"].startswith("Tiny imagine cannot vary a picture")
            return
        await member.click(alone, LIKE)
        job = await evening.stage.job(2)
        assert job.request == ImaginePicture(prompt="a dot", count=4, near="7/2")
        evening.stage.say(pictures(4))
