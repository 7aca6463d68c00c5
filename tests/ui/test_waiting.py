"""What is shown while a job is under way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tasks.picture import Picture
from bot.tasks.progress import Loading, Queued, Started, StepDone, TextSoFar
from bot.ui.limits import CONTENT
from bot.ui.waiting import is_news, waiting


@pytest.mark.parametrize(
    ("progress", "content"),
    [
        (Queued(ahead=0), "Next in the queue…"),
        (Queued(ahead=2), "In the queue: 2 before you."),
        (
            Queued(ahead=2, eta_s=12.4),
            "In the queue: 2 before you. The answer begins about <t:1012:R>.",
        ),
        (
            Queued(ahead=0, eta_s=0.0),
            "Next in the queue… The answer begins about <t:1001:R>.",
        ),
        (Loading(model="Tiny"), "Waking Tiny…"),
        (Started(), "At work…"),
        (TextSoFar(text="Once"), "Once ▌"),
        (StepDone(done=0, total=4), "▱▱▱▱▱▱▱▱▱▱▱▱ 0/4"),
        (StepDone(done=1, total=4), "▰▰▰▱▱▱▱▱▱▱▱▱ 1/4"),
        (StepDone(done=4, total=4), "▰▰▰▰▰▰▰▰▰▰▰▰ 4/4"),
        (StepDone(done=0, total=0), "▱▱▱▱▱▱▱▱▱▱▱▱ 0/0"),
    ],
)
def test_progress_is_told_in_a_line(progress: Any, content: str) -> None:
    assert waiting(progress, now=1000.0).content == content


def test_a_preview_comes_with_its_step_and_stays_until_the_next() -> None:
    preview = Picture(data=b"png", width=1, height=1, alt_text="a fox")
    reply = waiting(StepDone(done=1, total=2, preview=preview))
    assert reply.files == (("preview.png", b"png", "a fox"),)
    assert "attachments" not in waiting(StepDone(done=2, total=2)).as_edit()


@pytest.mark.parametrize(
    ("shown", "then", "since_s", "news"),
    [
        (None, Queued(ahead=3, eta_s=60.0), 0.0, True),
        (Queued(ahead=3, eta_s=60.0), Queued(ahead=2, eta_s=40.0), 20.0, True),
        (Queued(ahead=3, eta_s=60.0), Queued(ahead=3, eta_s=42.0), 20.0, False),
        (Queued(ahead=3, eta_s=60.0), Queued(ahead=3, eta_s=60.0), 20.0, True),
        (Queued(ahead=3, eta_s=6.0), Queued(ahead=3, eta_s=4.0), 0.0, False),
        (Queued(ahead=3), Queued(ahead=3), 5.0, False),
        (Queued(ahead=3), Queued(ahead=3, eta_s=5.0), 5.0, True),
        (Queued(ahead=1, eta_s=5.0), Started(), 5.0, True),
    ],
)
def test_a_place_in_the_queue_is_told_anew_when_it_or_the_estimate_changes(
    shown: Any, then: Any, since_s: float, news: bool
) -> None:
    assert is_news(shown, then, since_s) == news


@given(text=st.text(min_size=1, max_size=4000))
def test_growing_text_stays_within_a_message(text: str) -> None:
    content = waiting(TextSoFar(text=text)).content
    assert len(content) <= CONTENT
    assert content.endswith(" ▌")
