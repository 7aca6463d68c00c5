"""The models as they stand here: which can be used, and which may be fetched by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.fetches import Fetches, Stopped
from bot.catalogue.model import Model
from bot.errors import UserError
from bot.stock import Stock


def model(id: str, **options: Any) -> Model:
    plain = {"task": "complete", "family": "here", "name": id.title(), "repo": f"zoo/{id}"}
    return Model(id=id, **{**plain, **options})


MODELS = [
    model("present"),
    model("absent"),
    model("strict", acknowledge="terms", licence="Terms"),
    model("unbuilt", family="elsewhere"),
    model("huge"),
]


def stock(fetches: Fetches | None = None) -> Stock:
    return Stock(
        Catalogue(MODELS),
        is_present=lambda m: m.id == "present",
        is_supported=lambda m: m.family == "here",
        too_big=lambda m: "Huge is too big." if m.id == "huge" else None,
        unaccepted=lambda m: "Accept the terms." if m.id == "strict" else None,
        fetches=fetches,
    )


@pytest.mark.parametrize(
    ("name", "ready", "refused"),
    [
        ("present", True, None),
        ("zoo/absent", False, None),
        ("strict", False, "Accept the terms."),
        ("unbuilt", False, None),
        ("huge", False, "Huge is too big."),
    ],
)
def test_what_is_known_of_a_model(name: str, ready: bool, refused: str | None) -> None:
    known = stock().known(name)
    assert (known.ready, known.refused, known.fetch) == (ready, refused, None)
    assert known.model.id == name.removeprefix("zoo/")


def test_those_that_could_be_fetched_are_those_that_could_run() -> None:
    assert [m.id for m in stock().lacking()] == ["absent", "strict"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absnt", "There is no model 'absnt'. Did you mean 'absent'?"),
        ("unbuilt", "Unbuilt cannot be run by this version yet."),
        ("huge", "Huge is too big."),
        ("strict", "Accept the terms. Here, the option `accept_licence` does it too."),
    ],
)
async def test_what_would_not_be_run_is_not_fetched(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        stock(Fetches(tmp_path)).fetch(name)
    assert str(caught.value) == said


async def test_an_accepted_licence_goes_along(tmp_path: Path) -> None:
    held = stock(Fetches(tmp_path))
    strict = held.fetch("strict", accept_licence=True)
    absent = held.fetch("absent", accept_licence=True)
    assert (strict.order.accept, absent.order.accept) == (True, False)
    assert held.fetch("zoo/absent") is absent
    assert held.known("absent").fetch is absent
    await held.close()
    assert (strict.end, absent.end) == (Stopped(), Stopped())


def test_without_a_way_to_fetch_nothing_is() -> None:
    with pytest.raises(UserError, match="Nothing can be fetched"):
        stock().fetch("absent")
