"""Who is compared, and how the answers share one message."""

from __future__ import annotations

import pytest

from bot.errors import UserError
from bot.ui.comparing import Board, Entrant, entrants
from bot.ui.replies import Reply


def test_who_is_compared() -> None:
    assert entrants(["a", "b"], (None, None, None), 3, 7) == [
        Entrant("a", 7),
        Entrant("a", 8),
        Entrant("a", 9),
    ]
    assert entrants(["a", "b"], ("b", "a", "b"), 3, 7) == [Entrant("b", 7), Entrant("a", 7)]
    assert entrants(["a"], ("b", None, None), 2, 7) == [Entrant("b", 7), Entrant("b", 8)]


def test_nobody_is_compared_where_there_is_no_model() -> None:
    with pytest.raises(UserError, match="no model here"):
        entrants([], (None, None, None), 2, 0)


def test_long_answers_share_the_room_of_one_message() -> None:
    board = Board(["One, seed 1", "Two, seed 2", "Three, seed 3", "Four, seed 4"])
    for place in range(4):
        board.put(place, "```\n" + "word " * 1000)
    shown = board.shown().content
    assert len(shown) <= 2000
    assert shown.count("```") == 8
    assert all(f"**{name}" in shown for name in ("One", "Two", "Three", "Four"))


def test_pictures_stand_in_the_order_of_the_entrants() -> None:
    board = Board(["One", "Two"])
    board.put_answer(1, Reply(content="b", files=(("b.png", b"2", None),)))
    board.put_answer(0, Reply(content="a", files=(("a.png", b"1", None), ("a.txt", b"", None))))
    assert [name for name, _, _ in board.shown().files or ()] == ["a.png", "a.txt", "b.png"]
    assert board.shown().files is None, "they were sent already"
    assert len(board.shown(whole=True).files or ()) == 3
    assert board.changed()
    assert not board.changed()


def test_an_answer_that_is_cut_keeps_its_small_print_and_is_whole_in_a_file() -> None:
    board = Board(["One", "Two"])
    board.put_answer(0, Reply(content="word " * 300 + "\n-# One · seed 1 · `beef01`"))
    shown = board.shown()
    assert len(shown.content) <= 2000
    assert "…\n-# One · seed 1 · `beef01`" in shown.content
    assert shown.files is not None
    ((name, data, _),) = shown.files
    assert (name, data.decode().count("word")) == ("1.txt", 300)
