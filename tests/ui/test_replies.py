"""What people read: every kind of progress, answer and error, within what Discord takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalogue.model import Model
from bot.errors import BusyError, InferenceError, UserError
from bot.inference.job import Answered, Expired, Job, Timings
from bot.service import ExecutorStatus, Submitted
from bot.tasks.caller import Caller
from bot.tasks.image_to_text import LinesResult, ReadText, TextLine
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.recommend import Film, FilmsResult
from bot.tasks.registry import AnyRequest, Result
from bot.tasks.text_to_text import CompleteText, TextResult
from bot.ui.limits import ALT_TEXT, CONTENT, clip
from bot.ui.replies import (
    MOST_PAGES,
    Reply,
    apology,
    finished,
    late,
    model_list,
    page_of,
    status_line,
)

MODEL = Model(id="tiny", name="Tiny", task=("complete", "ocr"), family="toy", licence="MIT")
LONG = st.text("ab `é👩\n*", max_size=2500) | st.integers(0, 5000).map("x".__mul__)


def submitted(request: AnyRequest | None = None, model: Model = MODEL) -> Submitted:
    job = Job(
        id="beef01",
        request=request or CompleteText(prompt="hello"),
        model=model,
        seed=42,
        caller=Caller(user_id=1),
    )
    return Submitted(job=job, news=None)  # type: ignore[arg-type]


def reply_to(
    result: Result, request: AnyRequest | None = None, model: Model = MODEL, *, kept: bool = False
) -> Reply:
    answered = Answered(result=result, timings=Timings(queued_s=9.0, run_s=1.26))
    return finished(submitted(request, model), answered, kept=kept)


def text(content: str) -> TextResult:
    return TextResult(text=content, tokens=1, stopped_by="end")


def lines(*texts: str) -> LinesResult:
    return LinesResult(lines=tuple(TextLine(text=t, confidence=1.0, box=()) for t in texts))


def picture(alt_text: str = "a fox", media_type: str = "image/png") -> Picture:
    return Picture(data=b"png", width=1, height=1, alt_text=alt_text, media_type=media_type)


FOOTER = "-# Tiny · seed 42 · 1.3 s · `beef01`"


def test_the_small_print_says_where_an_answer_came_from() -> None:
    assert reply_to(text("Hi.")).content == f"Hi.\n{FOOTER}"
    starter = Model(id="s", name="Small", task="complete", family="toy", starter=True)
    small_print = "-# Small · starter model, small · seed 42 · 1.3 s · `beef01`"
    assert reply_to(text("Hi."), model=starter).content == f"Hi.\n{small_print}"


def test_a_seed_is_told_only_where_chance_plays_a_part() -> None:
    assert reply_to(lines("x"), ReadText(image=b"x")).content.endswith("-# Tiny · 1.3 s · `beef01`")


def test_an_answer_without_words_says_so() -> None:
    assert reply_to(text("")).content == f"*(The model had nothing to add.)*\n{FOOTER}"
    assert reply_to(lines()).content == f"I can find no text in this picture.\n{FOOTER}"


@given(body=LONG)
def test_a_text_is_whole_in_the_message_or_in_a_file(body: str) -> None:
    reply = reply_to(text(body))
    assert len(reply.content) <= CONTENT
    assert reply.content.endswith(FOOTER.removeprefix("-# "))
    if reply.files:
        assert reply.files == (("beef01.txt", body.encode(), None),)
        assert reply.content.startswith(body.lstrip("\n")[:800].rstrip())
        assert "\n-# Page 1 of " in reply.content
    elif body.strip():
        assert body.strip() in reply.content
    assert (reply.pages, reply.said) == (1, None)


@given(body=LONG)
def test_pages_that_can_be_turned_hold_the_whole_text(body: str) -> None:
    reply = reply_to(text(body), kept=True)
    if reply.said is None:
        assert body.strip() in reply.content or not body.strip()
        return
    turned = [page_of(reply.said, number) for number in range(reply.pages)]
    assert turned[0][0] == reply.content
    assert [(page, count) for _, page, count in turned] == [
        (number, reply.pages) for number in range(reply.pages)
    ]
    assert all(len(content) <= CONTENT for content, _, _ in turned)
    whole = "".join(content.partition("\n-# Page ")[0] for content, _, _ in turned)
    assert unspaced(whole) == unspaced(body)
    assert page_of(reply.said, -7)[1] == 0
    assert page_of(reply.said, 99)[1] == reply.pages - 1


def unspaced(body: str) -> str:
    """Return a text without white space and backticks, of which some are added and left out."""
    return "".join(body.replace("`", "").split())


def test_a_text_of_many_pages_is_a_file_too() -> None:
    for words, has_file in ((1500, False), (2500, True)):
        reply = reply_to(text("word " * words), kept=True)
        assert bool(reply.files) is has_file
        assert (reply.pages > MOST_PAGES) is has_file


@given(body=LONG)
def test_the_small_print_is_outside_of_every_code_block(body: str) -> None:
    content = reply_to(text(body)).content
    assert content.partition("\n-# ")[0].count("```") % 2 == 0


@given(texts=st.lists(LONG.filter(bool), min_size=1, max_size=3))
def test_lines_stand_in_one_code_block_whatever_they_hold(texts: list[str]) -> None:
    reply = reply_to(lines(*texts))
    assert len(reply.content) <= CONTENT
    assert reply.content.startswith("```\n")
    assert reply.content.partition("\n-# ")[0].endswith("\n```")
    assert reply.content.endswith(FOOTER.removeprefix("-# "))
    assert reply.content.count("```") == 2
    if reply.files:
        assert reply.files[0][1].decode() == "\n".join(texts)


def test_a_picture_comes_as_a_file_that_is_described() -> None:
    reply = reply_to(picture())
    assert reply.content == FOOTER
    assert reply.files == (("beef01.png", b"png", "a fox"),)
    assert reply_to(picture(media_type="image/webp")).files[0][0] == "beef01.webp"


def test_pictures_come_as_files_in_their_order() -> None:
    several = PicturesResult(pictures=(picture("a fox"), picture("another fox")))
    reply = reply_to(several)
    assert reply.content == FOOTER
    assert reply.files == (
        ("beef01-1.png", b"png", "a fox"),
        ("beef01-2.png", b"png", "another fox"),
    )


@given(note=LONG.filter(bool))
def test_what_is_to_be_said_of_pictures_stands_above_the_small_print(note: str) -> None:
    reply = reply_to(PicturesResult(pictures=(picture(),), note=note))
    assert len(reply.content) <= CONTENT
    assert reply.content.endswith(f"\n{FOOTER}")
    assert reply.content.startswith(note[:1000])


def test_a_description_is_clipped_to_what_discord_takes() -> None:
    ((_, _, alt_text),) = reply_to(picture("y" * 5000)).files
    assert alt_text == "y" * (ALT_TEXT - 1) + "…"


def test_a_numbered_text_comes_with_the_numbered_picture() -> None:
    plain = lines("One", "Two")
    reply = reply_to(LinesResult(lines=plain.lines, overlay=picture("each line framed")))
    assert reply.content == f"```\n1 One\n2 Two\n```\n{FOOTER}"
    assert reply.files == (("beef01.png", b"png", "each line framed"),)
    assert reply_to(plain).files == ()


def test_a_long_numbered_text_is_a_file_beside_the_picture() -> None:
    many = lines(*(f"line {n} " * 9 for n in range(100)))
    reply = reply_to(LinesResult(lines=many.lines, overlay=picture(media_type="image/jpeg")))
    assert len(reply.content) <= CONTENT
    (name, text_file, _), (other, data, alt_text) = reply.files
    assert (name, other) == ("beef01.txt", "beef01.jpeg")
    assert (data, alt_text) == (b"png", "a fox")
    assert text_file.decode().splitlines()[99].startswith("100 line 99 line 99")
    assert text_file.decode().startswith("  1 line 0")
    assert [file.filename for file in reply.as_edit()["attachments"]] == [name, other]


def test_films_are_numbered_with_their_stars() -> None:
    films = FilmsResult(films=(Film(title="Alien", stars=4.56), Film(title="Heat", stars=3)))
    assert reply_to(films).content == f"1. Alien (4.6 ★)\n2. Heat (3.0 ★)\n{FOOTER}"


def test_many_films_go_into_a_file() -> None:
    films = FilmsResult(films=tuple(Film(title="A long film " * 9, stars=4) for _ in range(40)))
    reply = reply_to(films)
    assert len(reply.content) <= CONTENT
    assert reply.files[0][1].decode().count("\n") == 39


def test_an_edit_takes_away_the_files_of_the_one_before() -> None:
    edit = Reply(content="At work…").as_edit()
    assert edit == {"content": "At work…", "attachments": []}
    (file,) = reply_to(picture()).as_edit()["attachments"]
    assert (file.filename, file.description, file.fp.read()) == ("beef01.png", "a fox", b"png")


def test_a_job_that_was_late_says_why_and_what_to_do() -> None:
    ran = late(submitted(), Expired(limit_s=120))
    assert str(ran) == (
        "This ran for 120 s, which is all that Tiny may take for one answer. Ask for less, or "
        "choose a faster model."
    )
    waited = late(submitted(), Expired(limit_s=840, waiting=True))
    assert str(waited).startswith("This waited for 14 minutes")
    assert str(waited).endswith("Try again when fewer people are asking.")


@pytest.mark.parametrize(
    "error", [UserError("Too long."), BusyError("Too long.", retry_after_s=3.0)]
)
def test_an_error_that_a_person_can_mend_is_its_own_message(error: UserError) -> None:
    assert apology(error, "ref") == "Too long."
    assert len(apology(UserError("x" * 9000), "ref")) <= CONTENT


@pytest.mark.parametrize(
    ("error", "reference"),
    [(InferenceError("secret tensor", "job7", "trace"), "job7"), (ValueError("secret"), "ref")],
)
def test_any_other_error_is_a_reference(error: Exception, reference: str) -> None:
    said = apology(error, reference)
    assert said.endswith(f"as `{reference}`.")
    assert "secret" not in said


def test_the_list_of_models_shows_those_that_are_here() -> None:
    other = Model(id="far", task="complete", family="toy")
    assert model_list([(MODEL, True), (other, False)]) == (
        "**Tiny** `tiny` · /complete /ocr · MIT\n"
        "-# 1 more are known; whoever runs the bot can fetch them."
    )
    assert len(model_list([(MODEL, True)] * 500)) <= CONTENT
    credited = Model(
        id="tiny", task="ocr", family="toy", licence="CC-BY-4.0", attribution="deepset"
    )
    assert model_list([(credited, True)]).startswith("**tiny** `tiny` · /ocr · CC-BY-4.0 · deepset")


def test_the_status_is_two_lines() -> None:
    status = ExecutorStatus(
        workers=2, waiting=3, running=1, models={1: ("b", "a"), 2: ("a",)},
        resident_bytes=5 << 20, deaths=0, notes={},
    )  # fmt: skip
    assert status_line(status) == ("2 workers, 1 requests running, 3 waiting.\nAwake: a, b (5 MB).")


def test_a_long_status_stays_within_a_message() -> None:
    models = {1: tuple(f"model-with-a-long-name-{n}" for n in range(200)), 2: ()}
    status = ExecutorStatus(
        workers=2,
        waiting=0,
        running=0,
        models=models,
        resident_bytes=0,
        deaths=0,
        notes={},
    )
    assert len(status_line(status)) <= CONTENT


@given(body=st.text(max_size=30), limit=st.integers(1, 30))
def test_clipping_keeps_the_beginning(body: str, limit: int) -> None:
    clipped = clip(body, limit)
    assert len(clipped) <= limit
    assert clipped == body or (clipped.endswith("…") and body.startswith(clipped[:-1]))
