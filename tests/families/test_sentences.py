"""Sentence vectors judged by transformers' own net, extracts by their source, moods by the head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from bot.catalogue.model import Limits, Model
from bot.errors import OperatorError, UserError
from bot.families import extracts, sentences
from bot.families.base import Stopped
from bot.nets.sentiment import Head
from bot.tasks.text_to_text import ClassifySentiment, LabelsResult, Summarize, TextResult
from tests.families import minilm, odd
from tests.families.conftest import CountingRun

BOTH = Model(id="tiny", task=("summarize", "sentiment"), family="sentences", checkpoint="x")
STORY = (
    "The cat sat on a mat in the house. A quick brown fox ran in and loved it! "
    "Who was the lazy dog in the film? It was in Paris, not in Rome. The river lies in the city. "
    "The story was good but the film was bad. The dog hated the film."
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.encoder(tmp_path_factory.mktemp("minilm"))


@pytest.fixture(scope="module")
def ours(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    place = tmp_path_factory.mktemp("head")
    return place, minilm.head(place, folder)


@pytest.fixture(scope="module")
def family(folder: Path, ours: tuple[Path, Head]) -> Iterator[sentences.Sentences]:
    with torch.inference_mode():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sentences, "HEAD", ours[0])
            loaded = sentences.load(BOTH, folder)
        yield loaded


def summary(family: sentences.Sentences, text: str) -> list[str]:
    (found,) = family.forward([family.preprocess(Summarize(text=text), 0)], CountingRun())
    assert isinstance(found, list)
    return found


def mood(family: sentences.Sentences, text: str) -> LabelsResult:
    request = ClassifySentiment(text=text)
    (found,) = family.forward([family.preprocess(request, 0)], CountingRun())
    result = family.postprocess(found, request)
    assert isinstance(result, LabelsResult)
    return result


def flat(text: str) -> str:
    return " ".join(text.split())


def test_vectors_are_the_mean_of_the_states_whatever_shares_the_batch(
    folder: Path, family: sentences.Sentences
) -> None:
    texts = ["the cat", "a quick brown fox ran on the mat", "who hated it?"]
    net, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    windows = family._windows(texts, 64)
    found = family._read(windows * 3, CountingRun(), sentences._vector)
    for text, vector in zip(texts * 3, found, strict=True):
        states = net(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert torch.allclose(vector, states.mean(0) / states.mean(0).norm(), atol=1e-5)


def test_the_extract_is_the_texts_own_sentences_in_order(family: sentences.Sentences) -> None:
    found = summary(family, STORY)
    places = [STORY.index(one) for one in found]
    assert len(found) == 3
    assert places == sorted(set(places))
    assert all(one[-1] in ".!?" for one in found)
    request = Summarize(text=STORY)
    result = family.postprocess(found, request)
    assert result == TextResult(text=" ".join(found), tokens=result.tokens, stopped_by="end")
    assert result.tokens > 10


@given(st.text(alphabet="aB .!?\n。「」é1“”Mr", max_size=300))
def test_no_sentence_is_a_stranger_and_none_is_there_twice(text: str) -> None:
    found = extracts.sentences_of(text)
    assert all(one in text and one == one.strip() for one in found)
    assert len(set(found)) == len(found)
    places = extracts.candidates(found, 2)
    assert set(places) <= set(range(len(found)))
    assert re.sub(r"\s", "", extracts.joined(found)) == re.sub(r"\s", "", "".join(found))


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 99))
def test_as_many_as_are_wanted_are_chosen_once_each(count: int, wanted: int, seed: int) -> None:
    luck = torch.Generator().manual_seed(seed)
    vectors = torch.nn.functional.normalize(torch.randn(count, 5, generator=luck), dim=1)
    places = extracts.chosen(vectors, wanted, lambda: None)
    assert len(places) == min(count, wanted)
    assert places == sorted(set(places))


def test_what_is_said_already_is_not_said_again() -> None:
    main, other = torch.tensor([1.0, 0.0]), torch.tensor([0.8, 0.6])
    vectors = torch.stack((main, main, other))
    assert float(vectors.mean(0) @ main) > float(vectors.mean(0) @ other)
    assert extracts.chosen(vectors, 2, lambda: None) == [0, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Holm paid 3.50 crowns. He left.", ["Mr. Holm paid 3.50 crowns.", "He left."]),
        ("The U.S. Army came on Jan. 5. It left.", ["The U.S. Army came on Jan. 5.", "It left."]),
        ("“It works!” She smiled. Then: 'No.'", ["“It works!”", "She smiled.", "Then: 'No.'"]),
        ("“Stop!” he said. We did.", ["“Stop!” he said.", "We did."]),
        ("吾輩は猫である。名前はまだ無い。", ["吾輩は猫である。", "名前はまだ無い。"]),
        ("「そうか。」彼は言った。", ["「そうか。」", "彼は言った。"]),
        ("Title\n\nIt is so. It is so. Yes.", ["Title", "It is so.", "Yes."]),
    ],
)
def test_sentences_end_where_readers_see_it(text: str, expected: list[str]) -> None:
    assert extracts.sentences_of(text) == expected


def test_lines_that_were_broken_for_their_width_are_one_sentence() -> None:
    text = (
        "A heading\n\nThe council of the island voted on Tuesday evening to buy\n"
        "Another ferry, which is electric. It is\nshort.\n"
    )
    found = extracts.sentences_of(text)
    assert found[1] == (
        "The council of the island voted on Tuesday evening to buy\n"
        "Another ferry, which is electric."
    )
    assert found[2:] == ["It is", "short."]
    assert extracts.joined(found[1:2]) in flat(text)
    assert extracts.joined(["私は行く。", "君も行く。"]) == "私は行く。君も行く。"


def test_headings_do_not_stand_for_a_text(family: sentences.Sentences) -> None:
    text = "# The story of the cat\n\n" + STORY + "\n\nYes.\n\nThe film"
    assert not {"# The story of the cat", "Yes.", "The film"} & set(summary(family, text))


def test_one_sentence_is_no_text_to_choose_from(family: sentences.Sentences) -> None:
    with pytest.raises(UserError, match="This is one sentence"):
        family.preprocess(Summarize(text="The cat sat on the mat."), 0)


def test_a_mood_is_what_the_head_says_of_the_encoders_states(
    folder: Path, ours: tuple[Path, Head], family: sentences.Sentences
) -> None:
    net, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text in ("the film was good", "a bad story, and who loved it?", "lazy!"):
        fed = tokenizer(text, return_tensors="pt")
        states = net(**fed, output_hidden_states=True).hidden_states[minilm.BELOW]
        logit = ours[1](states)[0]
        result = mood(family, text)
        scores = {label.name: label.score for label in result.labels}
        assert scores["POSITIVE"] == pytest.approx(float(torch.sigmoid(logit)), abs=1e-5)
        assert sum(scores.values()) == pytest.approx(1.0)
        assert result.labels[0].score >= result.labels[1].score
        assert result.uncertain == (abs(float(logit)) < 1.0)


def test_near_the_middle_it_is_uncertain(family: sentences.Sentences) -> None:
    def told(rating: float) -> LabelsResult:
        result = family.postprocess(rating, ClassifySentiment(text="x"))
        assert isinstance(result, LabelsResult)
        return result

    assert [told(rating).uncertain for rating in (-0.6, -0.4, 0.0, 0.4, 0.6)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert told(3.0).labels[0].name == "POSITIVE"
    assert told(-3.0).labels[0].name == "NEGATIVE"


def test_a_long_text_is_the_mean_of_its_pieces_by_their_lengths(
    family: sentences.Sentences,
) -> None:
    text = STORY * 20
    pieces = family.preprocess(ClassifySentiment(text=text), 0)
    assert isinstance(pieces, sentences.Pieces)
    assert len(pieces.windows) > 10
    assert max(map(len, pieces.windows)) <= 64
    (found,) = family.forward([pieces], CountingRun())
    alone = [family.forward([sentences.Pieces((one,))], CountingRun())[0] for one in pieces.windows]
    total = sum(len(w) * float(r) for w, r in zip(pieces.windows, alone, strict=True))  # type: ignore[arg-type]
    assert found == pytest.approx(total / sum(map(len, pieces.windows)), abs=1e-4)


def test_both_tasks_share_a_batch_and_nobody_notices(family: sentences.Sentences) -> None:
    requests: list[Any] = [
        Summarize(text=STORY),
        ClassifySentiment(text="the film was good"),
        Summarize(text=STORY[60:]),
        ClassifySentiment(text=STORY),
    ]
    inputs = [family.preprocess(request, 0) for request in requests]
    together = family.forward(inputs, CountingRun())
    alone = [family.forward([one], CountingRun())[0] for one in inputs]
    assert [together[0], together[2]] == [alone[0], alone[2]]
    assert [together[1], together[3]] == [pytest.approx(alone[n], abs=1e-5) for n in (1, 3)]


def test_a_text_of_many_sentences_can_be_cancelled(family: sentences.Sentences) -> None:
    text = " ".join(f"The cat {n} sat on the mat." for n in range(1500))
    found = family.preprocess(Summarize(text=text), 0)
    run = CountingRun()
    (taken,) = family.forward([found], run)
    assert run.checks > 100
    assert isinstance(taken, list)
    assert len(taken) == extracts.MOST

    class Cancelled(CountingRun):
        def check(self) -> None:
            super().check()
            if self.checks == 3:
                raise Stopped

    with pytest.raises(Stopped):
        family.forward([found], Cancelled())


@pytest.mark.parametrize("text", ["ذهب الثعلب البني", "吾輩は猫である", "Кошка сидит"])
def test_moods_of_other_letters_are_refused(text: str, family: sentences.Sentences) -> None:
    with pytest.raises(UserError, match="English"):
        family.preprocess(ClassifySentiment(text=text), 0)


@pytest.mark.parametrize("text", odd.TEXTS.values(), ids=odd.TEXTS)
def test_odd_texts(text: str, family: sentences.Sentences) -> None:
    result = odd.met(family, Summarize(text=text))
    if isinstance(result, TextResult):
        for part in extracts.sentences_of(result.text):
            assert flat(part) in flat(text)
    result = odd.met(family, ClassifySentiment(text=text))
    assert isinstance(result, LabelsResult | str)


def test_a_head_on_another_net_is_for_the_operator(
    ours: tuple[Path, Head], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "HEAD", ours[0])
    other = minilm.encoder(tmp_path, seed=40)
    with pytest.raises(OperatorError, match="another net"):
        sentences.load(BOTH, other)
    summaries = Model(id="tiny", task="summarize", family="sentences", checkpoint="x")
    assert sentences.load(summaries, other).size_bytes() > 0


def test_another_number_of_parameters_is_refused(folder: Path) -> None:
    model = Model(id="x", task="summarize", family="sentences", checkpoint="x", params=999)
    with pytest.raises(OperatorError, match="999"):
        sentences.load(model, folder)


@pytest.fixture(scope="module")
def real(starters: Path) -> sentences.Sentences:
    model = Model(
        id="minilm-l6", task=("summarize", "sentiment"), family="sentences", checkpoint="x",
        params=22_713_216, limits=Limits(max_input_tokens=256),
    )  # fmt: skip
    return sentences.load(model, starters / "checkpoints" / "minilm-l6")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I love this place, the food is wonderful.", "POSITIVE"),
        ("Not bad at all, I would come again!", "POSITIVE"),
        ("The service was terrible and the soup was cold.", "NEGATIVE"),
        ("I do not like it.", "NEGATIVE"),
    ],
)
def test_the_head_that_ships_knows_moods(text: str, name: str, real: sentences.Sentences) -> None:
    result = mood(real, text)
    assert result.labels[0].name == name
    assert not result.uncertain


def test_the_head_that_ships_knows_what_it_cannot_tell(real: sentences.Sentences) -> None:
    assert mood(real, "The meeting is at nine in room four.").uncertain


def test_the_real_vectors_find_what_a_text_is_about(real: sentences.Sentences) -> None:
    text = (
        "The city will build a new tram line to the harbour. The tram line will cost 40 million. "
        "My aunt prefers tea. Work on the tram line to the harbour begins in May."
    )
    assert "My aunt prefers tea." not in summary(real, text)
