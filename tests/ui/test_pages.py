"""A long text in pages: nothing lost, none too long, and what is marked up ends on each."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ui.markup import Kind, spans_of
from bot.ui.pages import MOVED, pages, pieces

ROOMS = st.integers(100, 400)
WORDS = st.text("abcdefgh", min_size=1, max_size=12)
PROSE = st.lists(WORDS, min_size=1, max_size=60).map(" ".join)
STYLES = ("**", "||", "__", "~~", "`", "")
ANYTHING = st.text("ab .\n`*_|~>[]()é👩\u200d。```", max_size=1500)


def styled(parts: list[tuple[str, str]]) -> str:
    return " ".join(f"{marker}{words}{marker}" for marker, words in parts)


PARAGRAPH = st.lists(st.tuples(st.sampled_from(STYLES), PROSE), min_size=1, max_size=4).map(styled)
CODE = st.lists(st.text("abc =()*|_", max_size=60), min_size=1, max_size=30).map(
    lambda lines: "\n".join(["```py", *lines, "pass", "```"])
)
HIDDEN = st.tuples(PROSE, CODE).map(lambda both: f"||{both[0]}\n{both[1]}||")
DOCUMENT = st.lists(PARAGRAPH | CODE | HIDDEN, min_size=1, max_size=8).map("\n\n".join)


def unmarked(text: str) -> list[str]:
    """Return the words of a text without its markers, its white space or its fences."""
    return re.findall(r"[a-z=()]+", text.replace("```py", "").replace("```", ""))


@given(text=ANYTHING | DOCUMENT, room=ROOMS)
def test_nothing_is_lost_and_no_page_is_too_long(text: str, room: int) -> None:
    found = pieces(text, room)
    assert "".join(piece.body for piece in found) == text
    assert all(piece.body for piece in found)
    assert all(len(piece.shown) <= room for piece in found)
    assert all(page for page in pages(text, room)) or not text.strip()


@given(text=ANYTHING | DOCUMENT, room=ROOMS)
def test_blocks_of_code_end_on_every_page(text: str, room: int) -> None:
    for page in pages(text, room):
        assert page.count("```") % 2 == 0


@given(text=DOCUMENT, room=ROOMS)
def test_what_is_marked_up_is_so_on_every_page(text: str, room: int) -> None:
    """Each page read by itself has the words of the text in the styles that they had there."""
    assert [each for page in pages(text, room) for each in marked(page)] == marked(text)


def marked(text: str) -> list[tuple[str, str]]:
    """Return every letter with the styles that it stands in."""
    spans = spans_of(text)
    found = []
    for place, letter in enumerate(text):
        around = [
            s for s in spans if s.inner[0] <= place < s.inner[1] or (s.start <= place < s.end)
        ]
        inside = all(s.inner[0] <= place < s.inner[1] for s in around)
        if letter.isalpha() and inside:
            found.append((letter, "".join(sorted(s.opening for s in around))))
    return found


@given(text=DOCUMENT, room=ROOMS)
def test_a_page_that_is_cut_anew_stays_one_page(text: str, room: int) -> None:
    for page in pages(text, room):
        assert pages(page, room) == [page]


@given(before=st.lists(PROSE, min_size=1, max_size=3), lines=st.integers(1, 12))
def test_a_block_that_fits_on_a_page_is_not_cut(before: list[str], lines: int) -> None:
    room = 300
    code = "\n".join(["```py", *("x = 1  # a line" for _ in range(lines)), "```"])
    text = "\n\n".join([*before, code, "The end."])
    start = next(piece for piece in pieces(text, room) if "```" in piece.body)
    if start.body.index("```") >= MOVED * room:
        assert any(code in page for page in pages(text, room))


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("One. " * 15 + "\n\n" + "Two. " * 30, "One."),
        ("One. " * 15 + "\n" + "Two. " * 30, "One."),
        ("one two " * 9 + "end. " + "three " * 20, "end."),
        ("three " * 50, "three"),
    ],
    ids=["paragraph", "line", "sentence", "word"],
)
def test_a_page_ends_at_the_best_border(text: str, ends: str) -> None:
    assert pages(text, 100)[0].endswith(ends)
    assert len(pages(text, 100)[0]) > 50


def test_a_block_that_is_cut_goes_on_in_its_language() -> None:
    code = "\n".join(f"line_{n} = {n}" for n in range(30))
    first, *others, last = pages(f"See:\n```python\n{code}\n```\nDone.", 150)
    assert first.startswith("See:\n```python\nline_0 = 0\n")
    assert all(page.startswith("```python\nline_") for page in [*others, last])
    assert all(page.endswith("\n```") for page in [first, *others])
    assert last.endswith("\n```\nDone.")


def test_a_spoiler_hides_on_every_page() -> None:
    for page in pages(f"||{'The butler did it. ' * 30}The end.||", 120):
        assert page.startswith("||The")
        assert page.endswith(".||")


def test_a_quote_that_is_cut_goes_on_as_one() -> None:
    for page in pages(f"> {'word ' * 60}", 120):
        assert page.startswith("> word")


def test_a_block_without_an_end_is_ended() -> None:
    assert pages("```py\nx = 1", 100) == ["```py\nx = 1\n```"]


def test_links_and_inline_code_stay_on_one_page() -> None:
    link = "[a name of several words](https://example.org/a_b_c)"
    for place in range(40, 100):
        text = "word " * (place // 5) + link + " and `code of several words` " + "word " * 20
        assert any(link in page for page in pages(text, 110))
        assert any("`code of several words`" in page for page in pages(text, 110))


def test_a_family_of_signs_is_not_torn() -> None:
    family = "👩\u200d👩\u200d👧"
    for page in pages(family * 80, 101):
        assert page == family * (len(page) // len(family))


def test_snakes_and_bullets_are_no_styles() -> None:
    assert spans_of("a snake_case_name, 2 * 3 * 4\n* one\n* two \\*three\\*") == []
    kinds = [span.kind for span in spans_of("***both*** and _one_ and <@123> and ``a`b``")]
    assert kinds == [Kind.STYLE, Kind.STYLE, Kind.STYLE, Kind.LINE, Kind.LINE]


def test_a_long_text_is_cut_quickly() -> None:
    text = ("**Some words** and `code` and _more_. " * 40 + "\n\n```py\nx = 1\n```\n\n") * 100
    began = time.perf_counter()
    assert len(pages(text, 1900)) > 50
    assert time.perf_counter() - began < 5
