"""Guesses the language of a text: by its letters, and among those in Latin letters by small words.

Good enough to save typing ``from``; whoever types it is believed.
"""

from __future__ import annotations

import re
from collections import Counter

UNSURE = "en"
"""What a text is taken for that gives no hint."""

# Ranges of letters -> the language that is mostly written with them. Kana come before Han.
_LETTERS = (
    (r"[\u3040-\u30ff]", "ja"), (r"[\uac00-\ud7af]", "ko"), (r"[\u4e00-\u9fff]", "zh"),
    (r"[\u0370-\u03ff]", "el"), (r"[\u0590-\u05ff]", "he"), (r"[\u0600-\u06ff]", "ar"),
    (r"[\u0900-\u097f]", "hi"), (r"[\u0980-\u09ff]", "bn"), (r"[\u0a00-\u0a7f]", "pa"),
    (r"[\u0a80-\u0aff]", "gu"), (r"[\u0b80-\u0bff]", "ta"), (r"[\u0c00-\u0c7f]", "te"),
    (r"[\u0c80-\u0cff]", "kn"), (r"[\u0d00-\u0d7f]", "ml"), (r"[\u0d80-\u0dff]", "si"),
    (r"[\u0e00-\u0e7f]", "th"), (r"[\u0e80-\u0eff]", "lo"), (r"[\u1000-\u109f]", "my"),
    (r"[\u10a0-\u10ff]", "ka"), (r"[\u0530-\u058f]", "hy"), (r"[\u1200-\u137f]", "am"),
    (r"[\u1780-\u17ff]", "km"), (r"[\u0400-\u04ff]", "ru"),
)  # fmt: skip

# Letters that tell languages of one script apart.
_TELLING = (
    ("ru", "їєґі", "uk"), ("ru", "ўі", "be"), ("ru", "ђћџњљ", "sr"), ("ru", "ѓќѕ", "mk"),
    ("ar", "پچژگ", "fa"), ("ar", "ٹڈڑے", "ur"),
)  # fmt: skip

# Small words, the commonest of each language that the others lack.
_WORDS = {
    "en": "the and of to is in that it was for you with are this not have what from they his he she"
    " i hello thanks yes how my we",
    "de": "der die und das ist nicht ein eine ich zu den mit es sie auf für von dem sich auch wie "
    "wir hallo danke ja guten",
    "fr": "le les et des est une un que dans pour qui pas vous ce je il nous sur du au avec bonjour"
    " merci oui suis elle",
    "es": "el los las y es que en una un por con no para su lo como más pero está hola gracias sí "
    "muy yo soy",
    "pt": "o os as a e é que em uma um por com não para seu do da no na como mais mas está olá "
    "onde obrigado sim muito eu você",
    "it": "il gli e è che di una un per con non sono della del come più ma ciao grazie sì molto io "
    "questo anche lo sul nel dei alla dove",
    "nl": "de het en een is van dat niet ik te op met voor zijn maar hallo bedankt ja wij ook aan",
    "sv": "och det att är en som på inte jag för med av till har hej tack ja vi ett den",
    "da": "og det at er en som på ikke jeg for med af til har hej tak ja vi et den af være",
    "no": "og det at er en som på ikke jeg for med av til har hei takk ja vi et den være",
    "fi": "ja on ei se että hän oli minä mutta kun niin olen kiitos hei tämä ovat mitä",
    "pl": "i w nie na jest się to że z do jak ale co cześć dziękuję tak jestem ten",
    "cs": "a je se na to že v s z do jak ale co ahoj děkuji ano jsem který není",
    "ro": "și este nu în la de cu pe o un care mai sunt salut mulțumesc da eu ce",
    "hu": "a az és nem hogy egy van ez is meg de mint szia köszönöm igen vagyok",
    "tr": "ve bir bu için de da ne çok ben sen değil var merhaba teşekkürler evet nasıl",
    "id": "yang dan di itu ini tidak saya kamu dengan untuk dari ada halo terima kasih ya apa",
    "vi": "và là của không có tôi bạn một cho được này xin chào cảm ơn với những",
}
_SETS = {language: frozenset(words.split()) for language, words in _WORDS.items()}

# Letters that one language of the Latin script has and its neighbours lack.
_MARKS = {
    "de": "ß", "es": "ñ¿¡", "pt": "ãõ", "fr": "œêçù", "pl": "łąęśż", "cs": "řěů", "ro": "șțăţş",
    "hu": "őű", "tr": "ğış", "vi": "ơưđạế",
}  # fmt: skip


def guessed(text: str, known: set[str]) -> str:
    """Return the likeliest language of a text among those that a model knows."""
    found = _by_letters(text)
    if found is None:
        found_by = hints(text, known)
        best = max(found_by, key=lambda language: found_by[language], default=None)
        found = best if best is not None and found_by[best] else None
    if found in known:
        return str(found)
    return UNSURE if UNSURE in known else min(known)


def hints(text: str, known: set[str]) -> dict[str, float]:
    """Return how much a text's words and letters speak for each of these languages; 0: nothing."""
    words = Counter(re.findall(r"[^\W\d_]+", text.casefold()))
    return {
        language: sum(number * _weight(word) for word, number in words.items() if word in small)
        + sum(letter in _MARKS.get(language, "") for letter in text.casefold())
        for language, small in _SETS.items()
        if language in known
    }


def _weight(word: str) -> float:
    """Return what a small word says: the less, the more languages have it."""
    return 1 / sum(word in small for small in _SETS.values())


def _by_letters(text: str) -> str | None:
    """Return the language of the script in which a third of the letters is written."""
    letters = sum(letter.isalpha() for letter in text)
    for pattern, language in _LETTERS:
        if letters and len(re.findall(pattern, text)) * 3 > letters:
            tellers = (
                to for of, marks, to in _TELLING if of == language and set(marks) & set(text)
            )
            return next(tellers, language)
    return None
