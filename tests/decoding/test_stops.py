"""Growing texts: what is shown is never taken back, whatever the tokens are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bot.decoding.stops import GrowingText, held_back
from tests.decoding.vocabularies import byte_fallback, byte_level

KINDS = {"byte level": byte_level(), "byte fallback": byte_fallback()}
KIND = st.sampled_from(sorted(KINDS))
TOKENS = st.lists(st.integers(0, min(k.get_vocab_size() for k in KINDS.values()) - 1), max_size=40)
LETTERS = st.text("abcé👩 \n", min_size=1, max_size=5)
STOPS = st.lists(LETTERS, max_size=3).map(tuple)
TEXTS = st.text(st.sampled_from("abc é ñ 漢字 かな 👩‍👩‍👧 🇩🇪 🏳️‍🌈 \n"), max_size=40)


def states(tokenizer: Tokenizer, ids: list[int], stop: tuple[str, ...]) -> tuple[list[str], str]:
    """Feed ids until the text stops; return what was shown after each, and the whole."""
    text = GrowingText(tokenizer, stop)
    shown = [text.shown()]
    for token in ids:
        text.add(token)
        shown.append(text.shown())
        if text.stopped:
            break
    return shown, text.whole()


@given(kind=KIND, ids=TOKENS, stop=STOPS)
def test_what_is_shown_only_grows_and_begins_the_whole(
    kind: str, ids: list[int], stop: tuple[str, ...]
) -> None:
    shown, whole = states(KINDS[kind], ids, stop)
    for before, after in zip(shown, [*shown[1:], whole], strict=True):
        assert after.startswith(before)


@given(kind=KIND, text=TEXTS, stop=STOPS)
def test_no_stop_string_is_seen_nor_a_beginning_that_is_cut_off_later(
    kind: str, text: str, stop: tuple[str, ...]
) -> None:
    shown, whole = states(KINDS[kind], KINDS[kind].encode(text).ids, stop)
    for state in [*shown, whole]:
        assert not any(word in state for word in stop)
        assert whole.startswith(state)


@given(kind=KIND, text=TEXTS, stop=STOPS)
def test_a_text_ends_before_the_first_stop_string(
    kind: str, text: str, stop: tuple[str, ...]
) -> None:
    tokenizer = KINDS[kind]
    ids = tokenizer.encode(text).ids
    _, whole = states(tokenizer, ids, stop)
    plain = tokenizer.decode(ids)
    assert plain.startswith(whole)
    if not any(word in plain for word in stop):
        assert whole == plain


@given(kind=KIND, text=TEXTS)
def test_half_a_character_is_never_shown(kind: str, text: str) -> None:
    shown, _ = states(KINDS[kind], KINDS[kind].encode(text).ids, ())
    assert not any("\ufffd" in state for state in shown)
    assert shown[-1] == KINDS[kind].decode(KINDS[kind].encode(text).ids)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_character_that_breaks_off_is_left_out(kind: str) -> None:
    tokenizer = KINDS[kind]
    ids = tokenizer.encode("the 漢").ids[:-1]
    assert states(tokenizer, ids, ())[1].strip() == "the"


def test_bytes_that_unmake_a_character_do_not_end_the_row() -> None:
    tokenizer = KINDS["byte fallback"]
    words = ["e", "<0x32>", "<0xB4>", "<0xDD>"]  # the 2 is shown before its bytes turn bad
    ids = [tokenizer.token_to_id(word) for word in words]
    shown, whole = states(tokenizer, [*ids, *tokenizer.encode("quick fox").ids], ())
    assert shown[2] == "e2"
    assert whole.startswith("e2")
    assert whole.endswith(" fox")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_text_joins_its_prompt_as_if_both_were_one(kind: str) -> None:
    tokenizer = KINDS[kind]
    ids = tokenizer.encode("the quick brown fox").ids
    for cut in range(1, len(ids)):
        growing = GrowingText(tokenizer, (), tuple(ids[:cut]))
        for token in ids[cut:]:
            growing.add(token)
        assert tokenizer.decode(ids[:cut]) + growing.whole() == "the quick brown fox"


def test_special_tokens_are_not_text() -> None:
    tokenizer = KINDS["byte level"]
    end = tokenizer.token_to_id("<end>")
    assert states(tokenizer, [end, *tokenizer.encode("fox").ids, end], ())[1] == "fox"


def test_the_earliest_of_two_stop_strings_counts() -> None:
    tokenizer = KINDS["byte level"]
    shown, whole = states(tokenizer, tokenizer.encode("fox User: END").ids, ("END", " User:"))
    assert whole == "fox"
    assert shown[-1] == "fox"


@pytest.mark.parametrize(
    ("text", "stop", "length"),
    [("", ("stop",), 0), ("st", ("stop",), 2), ("stop", ("stop",), 0), ("a", (), 0),
     ("xaa", ("aab",), 2), ("xaaa", ("aab",), 2), ("ab", ("bc", "abd"), 2)],
)  # fmt: skip
def test_the_longest_begun_stop_string_is_held_back(
    text: str, stop: tuple[str, ...], length: int
) -> None:
    assert held_back(text, stop) == length
