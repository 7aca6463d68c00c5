"""Languages as people type them, and as each kind of translator wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import PretrainedConfig
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as FLORES

from bot.catalogue.model import Model, Prompt
from bot.errors import UserError
from bot.families.guessing import guessed
from bot.families.languages import Languages, Reading
from bot.families.vocabularies import load_tokenizer
from bot.tasks.languages import find, languages
from tests.families import repositories

KNOWN = {language.code for language in languages()}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("de", "de"), ("DE", "de"), ("German", "de"), (" deutsch ", "de"), ("deu", "de"),
        ("deu_Latn", "de"), ("de-AT", "de"), ("de_DE", "de"), ("español", "es"), ("espanol", "es"),
        ("pt-BR", "pt"), ("zh-CN", "zh"), ("zh-TW", "zh-hant"), ("zho_Hant", "zh-hant"),
        ("中文", "zh"), ("nb", "no"), ("Norwegian Nynorsk", "nn"), ("日本語", "ja"),
        ("bahasa indonesia", "id"), ("Klingon", None), ("", None), ("xx", None),
    ],
)  # fmt: skip
def test_a_language_is_found_by_whatever_people_call_it(typed: str, code: str | None) -> None:
    found = find(typed)
    assert (found and found.code) == code


def test_every_language_of_m2m100_and_nllb_has_a_name() -> None:
    assert set(M2M_CODES["m2m100"]) <= KNOWN
    flores = {language.flores for language in languages()} - {None}
    assert flores == set(FLORES)


def test_no_two_languages_share_a_name() -> None:
    names = [language.name for language in languages()]
    assert len(set(names)) == len(names)
    assert all(find(language.name) == language for language in languages())
    assert all(find(language.code) == language for language in languages())


@pytest.fixture(scope="module")
def m2m100(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_tokenizer(repositories.m2m100(tmp_path_factory.mktemp("m2m100")))


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_tokenizer(repositories.nllb(tmp_path_factory.mktemp("nllb")))


def languages_of(tokenizer: Any, **keys: Any) -> Languages:
    model = Model(id="tiny", name="Tiny", task="translate", family="seq2seq", **keys)
    return Languages(model, tokenizer, PretrainedConfig())


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("germn", "There is no language 'germn' here. Did you mean German? Then type 'de'."),
        ("Esperanto", "Tiny does not know Esperanto. It knows af, am, ar, "),
        ("qqqq", "There is no language 'qqqq' here. It knows af, am, "),
    ],
)
def test_an_unknown_language_is_refused_with_the_nearest(
    typed: str, said: str, m2m100: Any
) -> None:
    with pytest.raises(UserError) as caught:
        languages_of(m2m100).reading(typed, "en", "hello")
    assert str(caught.value).startswith(said)
    with pytest.raises(UserError):
        languages_of(m2m100).reading("en", typed, "hello")


def test_a_script_falls_back_to_its_language_where_a_model_knows_no_better(
    m2m100: Any, nllb: Any
) -> None:
    taiwan = languages_of(m2m100).reading("zh-TW", "en", "hello")
    assert taiwan.forced_first == m2m100.get_lang_id("zh")
    taiwan = languages_of(nllb).reading("zh-TW", "en", "hello")
    assert taiwan.forced_first == nllb.convert_tokens_to_ids("zho_Hant")


def test_nllb_takes_its_own_codes(nllb: Any) -> None:
    reading = languages_of(nllb).reading("ace_Arab", "deu_Latn", "hello")
    assert reading.forced_first == nllb.convert_tokens_to_ids("ace_Arab")
    assert reading.before == (nllb.convert_tokens_to_ids("deu_Latn"),)


def test_the_language_of_a_text_is_guessed_unless_it_is_said(m2m100: Any) -> None:
    known = languages_of(m2m100)
    guess = known.reading("en", None, "Das ist nicht mein Hund.")
    assert guess.before == (m2m100.get_lang_id("de"),)
    told = known.reading("en", "nl", "Das ist nicht mein Hund.")
    assert told.before == (m2m100.get_lang_id("nl"),)


def test_a_pair_is_all_that_marian_knows(tmp_path: Path) -> None:
    known = languages_of(load_tokenizer(repositories.marian(tmp_path)))
    assert known.reading("Deutsch", None, "x") == Reading(to="de")
    assert known.reading("de", "English", "x") == Reading(to="de")
    with pytest.raises(UserError, match=r"Tiny does not know French. It knows de\."):
        known.reading("fr", "en", "x")
    with pytest.raises(UserError, match=r"Tiny does not know French. It knows en\."):
        known.reading("de", "fr", "x")


def test_a_pair_that_no_file_names_comes_from_the_entry(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(repositories.mt5(tmp_path))
    known = languages_of(tokenizer, languages=("en", "sv"), prompt=Prompt(prefix="to {to}: "))
    assert known.reading("sv", None, "x").prefix == "to Swedish: "
    assert languages_of(tokenizer).reading("anything", None, "x") == Reading()


def test_both_ways_at_once_are_refused_with_the_ways_that_there_are(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(repositories.mt5(tmp_path))
    known = languages_of(tokenizer, languages=("en", "sv"), prompt=Prompt(prefix="to {to}: "))
    with pytest.raises(UserError, match="from sv to sv; it knows en to sv, sv to en"):
        known.reading("sv", "sv", "x")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Hello, how are you?", "en"), ("Guten Morgen, wie geht es dir?", "de"),
        ("Le chat dort sur la table", "fr"), ("¿Dónde está la biblioteca?", "es"),
        ("Onde está a biblioteca?", "pt"), ("Il gatto dorme sul tavolo", "it"),
        ("Ik ben moe en ga naar huis", "nl"), ("Jag heter Anna och bor i Lund", "sv"),
        ("Dziękuję bardzo, to jest dobre", "pl"), ("これは本です", "ja"), ("我是学生", "zh"),
        ("안녕하세요", "ko"), ("Привет, мир", "ru"), ("Її звати Марія", "uk"), ("مرحبا", "ar"),
        ("این چیست؟ پدر", "fa"), ("Γειά σου", "el"), ("12345", "en"), ("zzz", "en"), ("", "en"),
    ],
)  # fmt: skip
def test_languages_are_guessed_from_letters_and_small_words(text: str, code: str) -> None:
    assert guessed(text, KNOWN) == code


def test_only_languages_that_the_model_knows_are_guessed() -> None:
    assert guessed("Привет, мир", {"de", "en"}) == "en"
    assert guessed("Привет, мир", {"de", "fr"}) == "de"
