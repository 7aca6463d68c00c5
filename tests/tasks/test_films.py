"""Films by what people type, against titles as MovieLens 1M and 100K write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.tasks.films import (
    LIKED_STARS,
    MOST_FILMS,
    Titles,
    key_of,
    pieces,
    shown,
    split_stars,
    understand,
)

VERONIQUE = "Double vie de Véronique, La (Double Life of Veronique, The) (1991)"
STRANGELOVE = "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1963)"
FILMS = {
    "Alien (1979)": 290, "Aliens (1986)": 280, "Alien 3 (1992)": 100, "Casablanca (1942)": 240,
    "Godfather, The (1972)": 413, "Godfather: Part II, The (1974)": 209, "Fargo (1996)": 500,
    "Star Wars: Episode IV - A New Hope (1977)": 2991,
    "Star Wars: Episode V - The Empire Strikes Back (1980)": 2990,
    "Good, The Bad and The Ugly, The (1966)": 137, "Toy Story (1995)": 452,
    "Toy Story 2 (1999)": 300, "Apollo 13 (1995)": 276, "2001: A Space Odyssey (1968)": 259,
    "Seven (Se7en) (1995)": 236, "Misérables, Les (1995)": 20, "Twelve Monkeys (1995)": 390,
    "Double vie de Véronique, La (Double Life of Veronique, The) (1991)": 30, "Heat (1995)": 223,
    "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1963)": 194,
    "Wallace & Gromit: The Best of Aardman Animation (1996)": 67, "12 Angry Men (1957)": 125,
    "E.T. the Extra-Terrestrial (1982)": 300, "Titanic (1953)": 3, "Titanic (1997)": 350,
    "Avventura, L' (1960)": 10, "Unknown year": 9, "1984 (1984)": 5, "Brazil (1985)": 208,
    "Princess Bride, The (1987)": 324, "": 0,
}  # fmt: skip
TITLES = Titles(list(FILMS), list(FILMS.values()))


def read(text: str) -> list[tuple[str, float | None]]:
    understood = understand(text, TITLES)
    assert not understood.unknown
    return [(TITLES.titles[film.number], film.stars) for film in understood.films]


def test_the_example_of_the_command_is_understood() -> None:
    text = "Alien 5, Casablanca 4, the godfather 3.5 stars; Star Wars (1977)"
    assert read(text) == [
        ("Alien (1979)", 5.0),
        ("Casablanca (1942)", 4.0),
        ("Godfather, The (1972)", 3.5),
        ("Star Wars: Episode IV - A New Hope (1977)", None),
    ]


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("alien", "Alien (1979)"),
        ("ALIEN (1979)", "Alien (1979)"),
        ("Alien 1979", "Alien (1979)"),
        ("Alien (1980)", "Alien (1979)"),  # one off
        ("alien 3", "Alien 3 (1992)"),
        ("The Godfather", "Godfather, The (1972)"),
        ("Godfather, The", "Godfather, The (1972)"),
        ("Godfather, The (1972)", "Godfather, The (1972)"),
        ("godfather", "Godfather, The (1972)"),
        ("the godfather part 2", "Godfather: Part II, The (1974)"),
        ("Godfather II", "Godfather: Part II, The (1974)"),
        ("the good, the bad and the ugly", "Good, The Bad and The Ugly, The (1966)"),
        ("good bad ugly", None),
        ("empire strikes back", "Star Wars: Episode V - The Empire Strikes Back (1980)"),
        ("Star Wars", "Star Wars: Episode IV - A New Hope (1977)"),
        ("star wars episode 5", "Star Wars: Episode V - The Empire Strikes Back (1980)"),
        ("a new hope", "Star Wars: Episode IV - A New Hope (1977)"),
        ("se7en", "Seven (Se7en) (1995)"),
        ("SEVEN", "Seven (Se7en) (1995)"),
        ("les miserables", "Misérables, Les (1995)"),
        ("Les Mise\u0301rables", "Misérables, Les (1995)"),
        ("la double vie de veronique", VERONIQUE),
        ("the double life of Veronique", VERONIQUE),
        ("dr strangelove", STRANGELOVE),
        ("wallace and gromit", "Wallace & Gromit: The Best of Aardman Animation (1996)"),
        ("2001", "2001: A Space Odyssey (1968)"),
        ("2001 a space odyssey", "2001: A Space Odyssey (1968)"),
        ("1984", "1984 (1984)"),
        ("et", "E.T. the Extra-Terrestrial (1982)"),
        ("E.T.", "E.T. the Extra-Terrestrial (1982)"),
        ("L'Avventura", "Avventura, L' (1960)"),
        ("casblanca", "Casablanca (1942)"),
        ("Casablnca (1942)", "Casablanca (1942)"),
        ("the pricess bride", "Princess Bride, The (1987)"),
        ("titanic", "Titanic (1997)"),  # the better known
        ("titanic 1953", "Titanic (1953)"),
        ("Titanic (1975)", None),
        ("toy story 3", None),  # no slip of the finger
        ("unknown year (1950)", "Unknown year"),
        ("inception", None),
        ("x", None),
        ("the", None),
        ("", None),
        ("שלום", None),
        ("🙂", None),
    ],
)
def test_a_film_is_found_by_its_name(typed: str, title: str | None) -> None:
    number = TITLES.find(typed)
    assert (None if number is None else TITLES.titles[number]) == title


@pytest.mark.parametrize(
    ("typed", "stars"),
    [
        ("Alien", None), ("Alien 5", 5), ("Alien 4.5", 4.5), ("Alien 3,5", 3.5), ("Alien 4½", 4.5),
        ("Alien 4 stars", 4), ("Alien: 4", 4), ("Alien = 4", 4), ("Alien - 4", 4), ("Alien (4)", 4),
        ("Alien 4/5", 4), ("Alien 8/10", 4), ("Alien 4 out of 5", 4), ("Alien 4*", 4),
        ("Alien 4★", 4), ("Alien ★★★★", 4), ("Alien ⭐⭐⭐", 3), ("Alien ****", 4),
        ("Alien ★★★½", 3.5),
        ("Alien ★★★☆☆", 3), ("Alien four stars", 4), ("Alien 1 star", 1), ("Alien (1979) 5", 5),
        ("Alien (1979)", None), ("Alien 1979 2", 2), ("* Alien 5", 5), ("• Alien", None),
        ("“Alien” 4", 4), ("Alien 5\0", 5),
    ],
)  # fmt: skip
def test_stars_are_read_however_they_are_written(typed: str, stars: float | None) -> None:
    assert read(typed) == [("Alien (1979)", stars)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Toy Story 2", [("Toy Story 2 (1999)", None)]),
        ("Toy Story 2 4", [("Toy Story 2 (1999)", 4.0)]),
        ("Toy Story 4", [("Toy Story (1995)", 4.0)]),
        ("Apollo 13", [("Apollo 13 (1995)", None)]),
        ("Apollo 13 5", [("Apollo 13 (1995)", 5.0)]),
        ("2001 5", [("2001: A Space Odyssey (1968)", 5.0)]),
        ("Godfather Part 2", [("Godfather: Part II, The (1974)", None)]),
        ("12 Angry Men 3", [("12 Angry Men (1957)", 3.0)]),
    ],
)
def test_a_number_may_be_the_titles_own(typed: str, found: list[tuple[str, float]]) -> None:
    assert read(typed) == found


@pytest.mark.parametrize(
    "text",
    [
        "Alien 5, Fargo 3", "Alien 5; Fargo 3", "Alien 5\nFargo 3", "Alien 5 and Fargo 3",
        "Alien 5 Fargo 3", "Alien 5,Fargo 3,", " , Alien 5 ,, Fargo 3 ;;", "- Alien 5\n- Fargo 3",
        "Alien 5, and Fargo 3", "Alien 2, Alien 5, Fargo 3",
    ],
)  # fmt: skip
def test_films_are_parted_however_they_are_written(text: str) -> None:
    assert sorted(read(text)) == [("Alien (1979)", 5.0), ("Fargo (1996)", 3.0)]


def test_a_comma_may_be_in_a_title() -> None:
    text = "Good, The Bad and The Ugly, The 5, Godfather, The 4, Princess Bride, The (1987), Heat"
    assert read(text) == [
        ("Good, The Bad and The Ugly, The (1966)", 5.0),
        ("Godfather, The (1972)", 4.0),
        ("Princess Bride, The (1987)", None),
        ("Heat (1995)", None),
    ]


def test_an_unknown_film_is_told_with_the_nearest() -> None:
    understood = understand("Inception 5, Casa Loma 4, Fargo 4", TITLES)
    assert [TITLES.titles[film.number] for film in understood.films] == ["Fargo (1996)"]
    assert tuple(map(str, understood.unknown)) == (
        "I know no film 'Inception'.",
        "I know no film 'Casa Loma'. Near it are Casablanca (1942).",
    )


@pytest.mark.parametrize(
    "typed", ["Alien 7", "Alien 0", "Fargo 5, Alien 6/5", "Alien: 12", "Alien 0.5"]
)
def test_stars_out_of_range_are_refused(typed: str) -> None:
    with pytest.raises(UserError, match="stars go from 1 to 5"):
        understand(typed, TITLES)


@pytest.mark.parametrize("text", ["", " ", "🙂🙂", "\0", ",,;;", "★★★★", "5", "‏‏"])
def test_of_nothing_nothing_is_understood(text: str) -> None:
    assert understand(text, TITLES).films == ()


def test_nobody_can_name_films_without_end() -> None:
    assert understand(", ".join(["Fargo 4"] * MOST_FILMS), TITLES).films
    with pytest.raises(UserError, match="more than 50 films"):
        understand(", ".join(["Fargo 4"] * (MOST_FILMS + 1)), TITLES)
    with pytest.raises(UserError, match="more than 50 films"):
        understand("x," * 4000, TITLES)


@given(st.text(max_size=300))
def test_whatever_is_typed_is_understood_or_refused_in_words(text: str) -> None:
    try:
        understood = understand(text, TITLES)
    except UserError:
        return
    numbers = [film.number for film in understood.films]
    assert len(set(numbers)) == len(numbers)
    assert all(film.stars is None or 1 <= film.stars <= 5 for film in understood.films)


@pytest.mark.parametrize("title", [title for title in FILMS if title])
def test_every_title_finds_itself_as_it_is_shown(title: str) -> None:
    number = TITLES.titles.index(title)
    for written in (title, shown(title), f"{shown(title)} 4"):
        assert [film.number for film in understand(written, TITLES).films] == [number]
        assert TITLES.find(split_stars(written, TITLES)[0]) == number


def test_titles_are_shown_as_people_write_them() -> None:
    assert shown("Godfather, The (1972)") == "The Godfather (1972)"
    assert shown("Avventura, L' (1960)") == "L'Avventura (1960)"
    assert shown("Seven (Se7en) (1995)") == "Seven (1995)"
    assert shown("Me, Myself (1992)") == "Me, Myself (1992)"
    assert shown("Unknown year") == "Unknown year"


def test_what_is_being_typed_is_completed() -> None:
    assert TITLES.completed("Fargo 5, the godf", 3) == [
        "Fargo 5, The Godfather (1972)",
        "Fargo 5, The Godfather: Part II (1974)",
    ]
    assert TITLES.completed("alie", 2) == ["Alien (1979)", "Aliens (1986)"]
    stars = ["Fargo; Heat (1995) 5", "Fargo; Heat (1995) 4"]
    assert TITLES.completed("Fargo; heat", 2) == stars
    assert TITLES.completed("", 5) == []
    assert TITLES.completed("Fargo, ", 5) == []
    assert TITLES.completed("Fargo, 🙂", 5) == []


def test_keys_leave_out_what_does_not_count() -> None:
    assert key_of("The Godfather, Part II") == key_of("godfather 2") == "godfather 2"
    assert key_of("Les Misérables") == key_of("Misérables, Les") == "miserables"
    assert key_of("The The") == "the"
    assert key_of("...") == ""
    assert LIKED_STARS == 4


def test_pieces_keep_what_is_in_them() -> None:
    assert list(pieces('"Alien" 5; - Heat', TITLES)) == ['Alien" 5', "Heat"]
