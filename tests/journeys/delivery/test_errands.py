"""Questions about a message that are answered after a restart; what is read before it is used."""

from __future__ import annotations

import pytest

from bot.inference.job import Answered, Timings
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import LinesResult, ReadText, TextLine
from bot.tasks.progress import StepDone
from bot.tasks.text_to_text import CompleteText, Summarize, Translate
from tests.journeys.delivery.conftest import PNG, Evening, answered, text

TOO_OLD = "I was restarted since this was asked"


def page(*lines: str) -> Answered:
    """What was read in a picture, as a job's outcome."""
    read = tuple(
        TextLine(text=line, confidence=1.0, box=((0, 0), (1, 0), (1, 1), (0, 1))) for line in lines
    )
    return Answered(result=LinesResult(lines=read), timings=Timings(queued_s=0.0, run_s=1.0))


async def test_a_question_about_pictures_is_answered_after_a_restart(
    evening: Evening, member: Member
) -> None:
    where = member.dm_channel_id  # where the bot may read
    files = [Upload("a.png", PNG), Upload("b.png", PNG + b"b")]
    async with evening.bot(member):
        said = await member.say("", files, channel_id=where)
        menu = await member.context_menu("Read text", said, channel_id=where)
        asked = await menu.settled()
        menu = await member.context_menu("More…", said, channel_id=where)
        more = await menu.settled()
    async with evening.bot(member):
        reading = await member.select(asked, "1")
        job = await evening.stage.job()
        assert job.request == ReadText(image=PNG + b"b")
        evening.stage.say(page("Last boat at noon"))
        assert "Last boat at noon" in (await answered(member, reading))["content"]
        styles = await (await member.select(more, "restyle")).settled()
        assert styles["content"] == "In which style?"
    async with evening.bot(member):
        which = await (await member.select(styles, "embers")).settled()
        assert which["content"] == "Which picture?"
    async with evening.bot(member):
        await member.select(which, "0")
        job = await evening.stage.job(2)
        assert job.request == RestylePicture(image=PNG, style="embers")
        evening.stage.say(text())


async def test_a_question_about_a_message_that_is_withheld_says_that_it_is_too_old(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        said = await member.say("Once upon a time")
        asked = await (await member.context_menu("More…", said)).settled()
        await member.select(asked, "complete")
        job = await evening.stage.job()
        assert job.request == CompleteText(prompt="Once upon a time")
        evening.stage.say(text())
    async with evening.bot(member):
        told = await (await member.select(asked, "complete")).settled()
        assert told["content"].startswith(TOO_OLD)
        assert told["only_for"] == member.id
    assert len(evening.stage.jobs) == 1


async def test_what_was_asked_about_a_message_is_not_made_up_after_a_restart(
    evening: Evening, member: Member
) -> None:
    where = member.dm_channel_id
    async with evening.bot(member):
        said = await member.say("", [Upload("a.png", PNG), Upload("b.png", PNG)], channel_id=where)
        more = await (await member.context_menu("More…", said, channel_id=where)).settled()
        form = await member.select(more, "ask")
        await member.until(lambda: form.modal is not None)
        sent = await member.submit_modal(form, **{"Your question": "When?"})
        which = await sent.settled()
        assert which["content"] == "Which picture?"
    async with evening.bot(member):
        reading = await member.select(which, "0")
        await evening.stage.job()
        evening.stage.say(page("At ten"))
        told = await reading.settled(until=lambda message: TOO_OLD in message["content"])
        assert told["only_for"] == member.id


@pytest.mark.parametrize("ends", ["read", "cancelled"])
async def test_reading_a_picture_before_its_text_is_used_has_progress_and_a_cancel(
    evening: Evening, member: Member, ends: str
) -> None:
    async with evening.bot(member):
        said = await member.say("", [Upload("a.png", PNG)])
        asked = await member.context_menu("Summarize", said)
        await evening.stage.job()
        evening.stage.say(StepDone(done=1, total=4))
        shown = await asked.settled(until=lambda message: "1/4" in message["content"])
        assert shown["content"].startswith("-# First the text in the picture is read.\n▰▰▰▱")
        if ends == "cancelled":
            await member.click(shown, "Cancel")
            await asked.settled(until=lambda message: message["content"] == "Cancelled.")
            assert len(evening.stage.jobs) == 1
            return
        evening.stage.say(page("The harbour was closed.", "Nobody was hurt."))
        job = await evening.stage.job(2)
        assert job.request == Summarize(text="The harbour was closed.\nNobody was hurt.")
        evening.stage.say(text("Closed."))
        assert (await answered(member, asked))["content"].startswith("Closed.\n")


@pytest.mark.parametrize("of", ["a picture", "a text"])
async def test_reading_translating_and_summarizing_go_in_one(
    evening: Evening, member: Member, of: str
) -> None:
    async with evening.bot(member):
        files = [Upload("a.png", PNG)] if of == "a picture" else []
        said = await member.say("" if files else "Der Hafen war zu.", files)
        listed = await (await member.context_menu("More…", said)).settled()
        asked = await member.select(listed, "digest")
        jobs = 0
        if files:
            jobs = 1
            await evening.stage.job()
            evening.stage.say(page("Der Hafen war zu."))
        job = await evening.stage.job(jobs + 1)
        assert job.request == Translate(text="Der Hafen war zu.", to="en")
        evening.stage.say(StepDone(done=1, total=4))
        shown = await asked.settled(until=lambda message: "1/4" in message["content"])
        assert shown["content"].startswith("-# First the text is translated.\n")
        evening.stage.say(text("The harbour was closed."))
        job = await evening.stage.job(jobs + 2)
        assert job.request == Summarize(text="The harbour was closed.")
        evening.stage.say(text("Closed."))
        assert (await answered(member, asked))["content"].startswith("Closed.\n")


async def test_a_picture_without_text_says_so(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        said = await member.say("", [Upload("a.png", PNG)])
        asked = await member.context_menu("Summarize", said)
        await evening.stage.job()
        evening.stage.say(page())
        told = await asked.settled(until=lambda message: message["ephemeral"])
        assert told["content"].startswith("I can find no text in this picture.")
