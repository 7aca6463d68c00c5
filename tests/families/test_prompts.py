"""Prompts as DALL-E mini's captions were written, held against what its own normaliser said."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.families.prompts import Words, normalise, write_words
from bot.families.romanising import EMOJI, emoji_name, romanise, unreadable

COMMONEST = (
    "the of and a to in cat sun set sunset on beach art classic painting i s at dogs o g d days "
    "code"
)

# The right-hand sides are what the model's authors' code (dalle-mini 0.1.5 with ftfy, emoji and
# Unidecode) answered, with the words above as its list.
ANSWERS = [
    ("A Cat!", " a cat"),
    ("  two   spaces\tand\nlines ", " two spaces and lines"),
    ("naïve café, Łódź & Straße", " naive cafe, lodz & strasse"),
    ("Привет, мир", " privet, mir"),
    ("שלום", " shlvm"),
    ("Ελληνικά", " ellenika"),
    ("こんにちは カタカナ", " konnichiha katakana"),
    ("안녕", " annyeong"),
    ("it's a dog's life, isn't it?", " it's a dog's life, isn't it"),
    ("I'll we're they've don’t", " i'll we're they've don't"),
    ("rock'n'roll 5'10\" tall", ' rock " n " roll 5 " 10 " tall'),
    ("''quoted'' \"text\" “curly” ‘single’", ' " quoted " text " curly " single "'),
    ("half-life & 50% off / $5", " half life & 50 % off, $ 5"),
    ("cool!!!!!! soooo AAAAAA VIII 1111111", " cool, so a viii 1111111"),
    ("[1] a reference [23]", " a reference"),
    ("<b>bold</b> text", " bold text"),
    ("&amp;amp; fish", " & fish"),
    ("u.s.a. v2.0 e.g. this 5.30", " u.s, a, v2.0 e.g, this 5.30"),
    ("1,234,567 cats, 100,000.50", " 1234567 cats, 100000.50"),
    ("12/05/2020 a/b/c", " 12/05/2020 a, b, c"),
    ("<person> and <person>, walking with <person>", " people, walking with a person"),
    ("a_b#c\\d C++ & C#", " a bc d c, & c"),
    ("ＡＢＣ １２ ½ cup x² ﬁne", " abc 12 1/2 cup x2 fine"),
    ("…—dash–...", " dash"),
    (
        "{a} [b] (c) ~d +e =f; *star* @home ^up |pipe",
        " a, b, c, d, e, f, * star * @home ^up, pipe",
    ),
    ("#sunsetonthebeach at #SunSet2024", " sunset on the beach at sunset 2024"),
    ("see http://a.b/c?d=1 and https://x.y", " see and"),
    ("a photo of: (the) sea; calm", " a photo of, the, sea, calm"),
    ("cafÃ©", " cafe"),
    ("a\x00b", " ab"),
    ("¿Qué? ¡Sí!", " que, si"),
    ("a-b-c d--e", " a b, c d, e"),
    ("🚀 launch 🔥", " rocket, launch, fire"),
    ("a, b, and  c,,", " a, b, and c"),
    ("3 x 4 = 12", " 3 x 4, 12"),
    ("\u202ertl\u202c", " rtl"),
    ("", " "),
    ("   ", " "),
    ("http://a.b/c", " "),
    ("?!...", " "),
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    folder = tmp_path_factory.mktemp("words")
    lines = [f"{word} {1000 - rank}" for rank, word in enumerate(COMMONEST.split())]
    (folder / "list.txt").write_text("\n".join(lines) + "\n")
    write_words(folder / "list.txt", folder / "words.tsv")
    return Words(folder / "words.tsv")


@pytest.mark.parametrize(("prompt", "answer"), ANSWERS)
def test_prompts_become_what_the_authors_make_of_them(
    prompt: str, answer: str, words: Words
) -> None:
    assert normalise(prompt, words) == answer


@pytest.mark.parametrize(
    ("prompt", "ours", "theirs"),
    [
        ("🦊", " fox face", " fox"),
        ("❤️ 👍🏽", " red heart, thumbs up, medium skin", " red heart, thumbs up medium skin tone"),
        ("🇫🇷", " flag fr", " france"),
        ("北京 cat", " cat", " bei jing cat"),
        ("★", " star", " "),
    ],
)
def test_where_they_differ_it_is_in_words(prompt: str, ours: str, theirs: str) -> None:
    assert normalise(prompt) == ours != theirs


def test_nothing_is_split_without_a_list(tmp_path: Path) -> None:
    assert normalise("#sunsetonthebeach") == " sunsetonthebeach"
    assert normalise("#sunset", Words(tmp_path / "none.tsv")) == " sunset"
    (tmp_path / "empty.tsv").touch()
    assert not Words(tmp_path / "empty.tsv")


def test_hashtags_keep_their_numbers_whole(words: Words) -> None:
    assert normalise("#100daysofcode", words) == " 100 days of code"


def test_letters_of_no_word_stay_together(words: Words) -> None:
    assert normalise("#sunqqqcat #xyz", words) == " sun qqq cat xyz"


def test_only_so_many_hashtags_are_split(words: Words) -> None:
    assert normalise("#sunbeach " * 20, words).count("sun beach") == 16
    assert normalise("#" + "sun" * 20, words) == " " + "sun" * 20


def test_every_word_of_a_list_is_found_and_no_other(tmp_path: Path) -> None:
    known = [f"w{number * 7919 % 10_007}" for number in range(3_000)]
    (tmp_path / "list").write_text("".join(f"{word} 1\n" for word in [*known, "", "zwölf"]))
    write_words(tmp_path / "list", tmp_path / "words")
    words = Words(tmp_path / "words")
    ranks = [words.cost(word) for word in known]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0
    assert words.cost("zwölf") > ranks[-1]
    for absent in ("", "w", "w0000", "a", "zz", "zwölf\t", "w1\n"):
        assert words.cost(absent) == float("inf")


def test_of_a_word_that_is_there_twice_the_second_counts(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a 9\nb 8\na 7\n")
    write_words(tmp_path / "list", tmp_path / "words")
    assert Words(tmp_path / "words").cost("a") == pytest.approx(1.0986, abs=1e-4)


@given(st.text())
def test_whatever_is_typed_becomes_small_ascii_after_a_space(prompt: str) -> None:
    caption = normalise(prompt)
    assert caption.isascii()
    assert caption == caption.lower()
    assert caption.startswith(" ")
    assert caption[1:] == caption.strip()
    assert "\x00" not in caption


@pytest.mark.parametrize(
    "prompt",
    [
        " " * 8000, ", " * 4000, '" ' * 4000, "<" * 8000, "<person>," * 900 + "," * 800,
        "a.b" * 2600, "#" * 8000, "[1]" * 2600, "&amp;" * 1600, "#" + "x" * 7999, "😀" * 8000,
        "字" * 8000,
        ("#" + "x" * 49 + " ") * 156,
    ],
    ids=lambda prompt: f"{prompt[:9]}...",
)  # fmt: skip
def test_no_prompt_takes_long(prompt: str, words: Words) -> None:
    began = time.process_time()
    normalise(prompt, words)
    assert time.process_time() - began < 2


def test_emoji_are_called_about_what_the_authors_package_calls_them() -> None:
    emoji = pytest.importorskip("emoji", reason="it judges our names of emoji: make judges")
    same = alike = count = 0
    for symbols, entry in emoji.EMOJI_DATA.items():
        symbol = symbols.replace("\ufe0f", "")
        if len(symbol) > 1 or not EMOJI.match(symbol) or not unicodedata.name(symbol, ""):
            continue
        theirs = set(entry["en"].strip(":").lower().replace("-", "_").split("_"))
        ours = set(emoji_name(symbol).replace("-", " ").split())
        count += 1
        same += ours == theirs
        alike += bool(ours & theirs)
    assert count > 1200
    assert same / count > 0.65
    assert alike / count > 0.9


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("Щука и ёж", "Shchuka i ezh".lower()),
        ("Θάλασσα", "thalassa"),
        ("しちつ", "shichitsu"),
        ("10 € × 2", "10  euros  x 2"),
        ("«a» „b“ – c", '"a" "b" - c'),
        ("ﷺ", ""),
        ("Ångström", "Angstrom"),
    ],
)
def test_letters_are_written_by_their_sounds(text: str, ascii_text: str) -> None:
    found = romanise(text)
    assert found.isascii()
    if ascii_text:
        assert found.lower() == ascii_text.lower()


def test_letters_that_cannot_be_read_are_told_once_each() -> None:
    assert unreadable("日本の cat, 日 שלום мир") == "日本"
    assert unreadable("a cat 😀 1") == ""
