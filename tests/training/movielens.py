"""A small MovieLens made up on the spot: people with tastes, films of two kinds."""

from __future__ import annotations

from pathlib import Path

import torch

PEOPLE, FILMS, EACH = 60, 40, 24


def rows(seed: int = 0) -> list[tuple[int, int, int, int]]:
    """Return person, film, stars, time: people like one kind of film and not the other.

    Numbers begin at 1 and have gaps, as MovieLens' have; rows are in no order.
    """
    luck = torch.Generator().manual_seed(seed)
    found = []
    for person in range(PEOPLE):
        generous = float(torch.randn((), generator=luck)) * 0.4
        kind = 1.0 if person % 2 else -1.0
        films = torch.randperm(FILMS, generator=luck)[:EACH]
        for place, film in enumerate(films.tolist()):
            quality = (film % 7 - 3) * 0.25
            noise = 0.3 * float(torch.randn((), generator=luck))
            stars = 3.2 + generous + quality + kind * (1 if film % 2 else -1) + noise
            found.append((3 * person + 1, 2 * film + 1, max(1, min(5, round(stars))), place))
    order = torch.randperm(len(found), generator=luck).tolist()
    return [found[place] for place in order]


def title(film: int) -> str:
    return f"{'Loud' if film % 4 == 3 else 'Quiet'} Film {film}"


def write_1m(folder: Path) -> None:
    """Write ``ratings.dat`` and ``movies.dat`` as MovieLens 1M has them."""
    lines = [f"{p}::{f}::{s}::{978300000 + t}\n" for p, f, s, t in rows()]
    (folder / "ratings.dat").write_text("".join(lines), encoding="latin-1")
    titles = [f"{2 * n + 1}::{title(2 * n + 1)}, L\xe9 ({1950 + n})::Drama\n" for n in range(FILMS)]
    (folder / "movies.dat").write_text("".join(titles), encoding="latin-1")


def write_recbole(folder: Path) -> None:
    """Write ``ml-100k.inter`` and ``ml-100k.item`` as RecBole has them."""
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    lines = [f"{p}\t{f}\t{s}\t{881250000 + t}\n" for p, f, s, t in rows()]
    (folder / "ml-100k.inter").write_text(head + "".join(lines), encoding="utf-8")
    head = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    years = ["unkonwn", "V", *(str(1950 + n) for n in range(2, FILMS))]
    films = [
        f"{2 * n + 1}\t{title(2 * n + 1)}, L\xe9\t{years[n]}\tDrama War\n" for n in range(FILMS)
    ]
    (folder / "ml-100k.item").write_text(head + "".join(films), encoding="utf-8")
