"""Loads the tokenizers of encoder-decoders, and gives each of them the means to write as it goes.

Some repositories (M2M100, Marian, Manga OCR) have tokenizers in Python only. The engine writes with
the Rust library; so their vocabulary is put into a tokenizer of that kind, which only decodes.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, decoders, models
from transformers import AutoTokenizer, BertJapaneseTokenizer

from bot.families.checkpoints import AS_IT_LIES

if TYPE_CHECKING:
    from pathlib import Path

BYTE = "<0x00>"
"""A vocabulary with this piece writes rare characters byte by byte."""


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a checkpoint, of either kind; nothing is fetched."""
    options = dict(AS_IT_LIES)
    kind = AutoTokenizer
    if _named_kind(folder).startswith("BertJapanese"):
        # MeCab and its dictionary (250 MB) are for reading; here it only writes
        kind = BertJapaneseTokenizer
        options |= {"word_tokenizer_type": "basic", "mecab_kwargs": None}
    with warnings.catch_warnings():
        # Marian's recommends sacremoses, which only evens out odd quotation marks
        warnings.simplefilter("ignore")
        return kind.from_pretrained(folder, **options)


def writer_of(tokenizer: Any, special: frozenset[int] = frozenset()) -> Tokenizer:
    """Return what turns ids into text.

    Args:
        tokenizer: Of either kind.
        special: Further ids that are no part of a text, such as languages.
    """
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return backend
    pieces = pieces_of(tokenizer)
    writer = Tokenizer(models.WordLevel(pieces, unk_token=tokenizer.unk_token))
    if isinstance(tokenizer, BertJapaneseTokenizer):
        writer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    else:
        bytewise = [decoders.ByteFallback(), decoders.Fuse()] if BYTE in pieces else []
        writer.decoder = decoders.Sequence([*bytewise, decoders.Metaspace()])
    hidden = special | set(tokenizer.all_special_ids)
    writer.add_special_tokens([piece for piece, id_ in pieces.items() if id_ in hidden])
    return writer


def pieces_of(tokenizer: Any) -> dict[str, int]:
    """Return the ids that a tokenizer writes by their pieces, languages too."""
    pieces = dict(tokenizer.get_vocab())
    if getattr(tokenizer, "separate_vocabs", False):  # some of Marian's write another vocabulary
        pieces = dict(tokenizer.target_encoder)
    return pieces | getattr(tokenizer, "lang_token_to_id", {})


def _named_kind(folder: Path) -> str:
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:  # bart-large-cnn has none
        return ""
    return str(settings.get("tokenizer_class") or "")
