"""What is said of a model, and of how far its fetch is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.download import Fetching
from bot.catalogue.model import Model
from bot.errors import Sentence
from bot.stock import Known
from bot.ui.cards import card, progress
from bot.ui.limits import CONTENT

CATALOGUE = Catalogue.load()


def known(name: str, **how: Any) -> Known:
    plain: dict[str, Any] = {"ready": False, "refused": None, "fetch": None}
    return Known(model=CATALOGUE.get(name), **{**plain, **how})


def test_a_card_tells_licence_credit_size_languages_and_limits() -> None:
    lines = card(known("roberta-base-squad2", ready=True)).splitlines()
    assert lines == [
        "**RoBERTa base SQuAD2** `roberta-base-squad2` · /ask",
        "Finds the answer in a text that you give; it knows nothing by itself.",
        "Licence: CC-BY-4.0 (<https://creativecommons.org/licenses/by/4.0/>)",
        "Credit: deepset",
        "Takes: 496 MB to fetch, 249 MB of memory, 124 million parameters",
        "Languages: en",
        "Limits: 60,000 characters, 120 s an answer",
        "Here: yes",
    ]


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("gpt2", {}, "Here: no. Whoever runs the bot can fetch it: `/model fetch model:gpt2`"),
        ("opt-13b", {"refused": Sentence("OPT 13B is too big.")}, "Here: no. OPT 13B is too big."),
        ("mt5-base", {"ready": True}, "No other task: it was only pre-trained, to fill holes."),
        (
            "gpt2",
            {"fetch": SimpleNamespace(newest=Fetching("gpt2", "downloading", 137, 548))},
            "Here: **GPT-2**: ▰▰▱▱▱▱▱▱▱▱ 25% of 0 MB",
        ),
        ("m2m100-418m", {}, "Languages: 100\n"),
        ("opt-66b", {}, "65.7 billion parameters"),
    ],
)
def test_a_card_tells_how_the_model_stands(name: str, how: dict[str, Any], said: str) -> None:
    assert said in card(known(name, **how))


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.id)
def test_every_card_fits_into_a_message(model: Model) -> None:
    text = card(known(model.id, refused=Sentence("x" * 500)))
    assert 0 < len(text) <= CONTENT
    assert model.licence in text
    assert model.attribution is None or model.attribution in text


@pytest.mark.parametrize(
    ("fetching", "said"),
    [
        (Fetching("gpt2", "waiting"), "**GPT-2**: waiting for its turn…"),
        (
            Fetching("gpt2", "downloading", 274_000_000, 548_000_000),
            "**GPT-2**: ▰▰▰▰▰▱▱▱▱▱ 50% of 548 MB",
        ),
        (Fetching("gpt2", "converting", 9_000_000), "**GPT-2**: converting, 9 MB so far…"),
        (
            Fetching("gpt2", "training", step=900, steps=1200),
            "**GPT-2**: ▰▰▰▰▰▰▰▰▱▱ 75% of 1,200 steps",
        ),
        (Fetching("gpt2", "checking"), "**GPT-2**: checking every file…"),
    ],
)
def test_progress_is_one_line(fetching: Fetching, said: str) -> None:
    assert progress(CATALOGUE.get("gpt2"), fetching) == said
