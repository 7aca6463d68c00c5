"""Writes any text in ASCII: other alphabets by their sounds, emoji by their names.

For nets that know English words in plain letters only. What Unicode itself knows (letters with
marks, kana, Hangul, names of emoji) is taken from Python's own tables; four alphabets stand here.
Chinese characters have no sound that could be told from themselves, and are left out.
"""

from __future__ import annotations

import re
import unicodedata

ALPHABETS = (
    # Greek
    "α a β b γ g δ d ε e ζ z η e θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r ς s σ s τ t υ u φ ph "
    "χ kh ψ ps ω o "
    # Cyrillic
    "а a б b в v г g д d е e ж zh з z и i й i к k л l м m н n о o п p р r с s т t у u ф f х kh "
    "ц ts ч ch ш sh щ shch ъ ' ы y ь ' э e ю iu я ia ђ dj є ie і i ї yi ј j љ lj њ nj ћ tsh ў u "
    "џ dzh ґ g "
    # Hebrew
    "א a ב b ג g ד d ה h ו v ז z ח h ט t י y ך kh כ kh ל l ם m מ m ן n נ n ס s ע ` ף p פ p ץ ts "
    "צ ts ק k ר r ש sh ת t "
    # Arabic
    "ا a ب b ة h ت t ث th ج j ح h خ kh د d ذ dh ر r ز z س s ش sh ص s ض d ط t ظ z ع ` غ gh ف f ق q "
    "ك k ل l م m ن n ه h و w ى a ي y پ p چ ch ژ zh ک k گ g ی y "
    # Latin letters that are no ASCII letter with a mark
    "ß ss æ ae œ oe ø o đ d ð d ł l þ th ı i ŋ ng"
)
"""Letters and their sounds, in turn."""

LETTERS = dict(zip(ALPHABETS.split()[::2], ALPHABETS.split()[1::2], strict=True))
SIGNS = {
    "×": "x", "÷": "/", "°": " degrees ", "€": " euros ", "£": " pounds ", "¥": " yen ",
    "\u2044": "/", "\u2212": "-", "\u2022": ",", "\u3001": ",", "\u3002": ".", "\u060c": ",",
    "\u061f": "?", "\u30fc": "", "\u0640": "",
}  # fmt: skip
QUOTES = {"‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "«": '"', "»": '"', "„": '"', "″": '"'}
KANA = {"si": "shi", "ti": "chi", "tu": "tsu"}

EMOJI = re.compile("[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
FIRST_FLAG_LETTER = 0x1F1E6
OLD_SYMBOLS = "\u2c00"  # before it, Unicode calls what is filled black, and what is drawn white
DRAWN = re.compile(r"^(?:(?:black|white|heavy|medium) )+(?!.*(?:circle|square)$)")
REMARK = re.compile(r" (?:sign|symbol|ornament|building)$")
NAMED = {
    "❤": "red heart", "☀": "sun", "💻": "laptop", "🎅": "santa claus", "♀": "woman", "♂": "man",
    "🏻": "light skin", "🏼": "light skin", "🏽": "medium skin",
    "🏾": "dark skin", "🏿": "dark skin",
}  # fmt: skip


def name_emoji(text: str) -> str:
    """Return the text with a name between colons for each emoji, such as ``:red heart:``."""
    text = FLAG.sub(lambda found: f":flag {_letters(found[0])}:", text)
    return EMOJI.sub(lambda found: f":{emoji_name(found[0])}:", text)


def emoji_name(symbol: str) -> str:
    """Return the English name of an emoji in small letters; an empty text if it has none."""
    if symbol in NAMED:
        return NAMED[symbol]
    name = unicodedata.name(symbol, "").lower()
    if symbol < OLD_SYMBOLS:
        name = DRAWN.sub("", name)
    return REMARK.sub("", name)


def romanise(text: str) -> str:
    """Return the text in ASCII; what cannot be written so is left out."""
    if text.isascii():
        return text
    return "".join(_romanised(letter) for letter in unicodedata.normalize("NFKC", text))


def unreadable(text: str) -> str:
    """Return the letters of a text, each once, that :func:`romanise` leaves out."""
    return "".join(dict.fromkeys(x for x in text if x.isalpha() and not romanise(x).strip()))


def _romanised(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in SIGNS:
        return SIGNS[letter]
    if letter in QUOTES:
        return QUOTES[letter]
    if letter in LETTERS or letter.lower() in LETTERS:
        return LETTERS.get(letter) or LETTERS[letter.lower()]
    if (spoken := _spoken(letter)) is not None:
        return spoken
    plain = unicodedata.normalize("NFKD", letter)
    if plain != letter:
        return "".join(_romanised(part) for part in plain)
    return _punctuation(letter)


def _spoken(letter: str) -> str | None:
    """Return the sound of a kana or a syllable of Hangul, which their names say."""
    kind, _, sound = unicodedata.name(letter, "").rpartition(" ")
    if kind.startswith(("HIRAGANA LETTER", "KATAKANA LETTER")):
        return KANA.get(sound.lower(), sound.lower())
    return sound.lower() if kind == "HANGUL SYLLABLE" else None


def _punctuation(letter: str) -> str:
    match unicodedata.category(letter):
        case "Pd":
            return "-"
        case "Pi" | "Pf":
            return '"'
        case "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return ""


def _letters(flag: str) -> str:
    """Return the country's code that a flag is made of."""
    return "".join(chr(ord("a") + ord(letter) - FIRST_FLAG_LETTER) for letter in flag)
