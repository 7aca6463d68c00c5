"""Writes vocabularies of true kind and size, of made-up words, as the files of the hub have them.

Every vocabulary reads the first words of :mod:`bot.catalogue.synthetic.words`, written with a space
before each, as one token a word: a request of so many words is one of so many tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from bot.catalogue.synthetic.words import made_up_words, stems

SPACE = "Ġ"  # GPT-2's sign for it
MARK = "▁"  # SentencePiece's
PUNCTUATION = ".,;:!?'\"()-/%&"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789" + PUNCTUATION
KANA = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))]
FIRST_IDEOGRAPH = 0x4E00


def write_json(path: Path, content: Any) -> None:
    """Write a file as the hub has it."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def byte_pairs(folder: Path, *, first: Sequence[str], last: Sequence[str], size: int) -> None:
    """Write the vocab.json and merges.txt of a byte-level BPE.

    Args:
        folder: Where they go.
        first: The special tokens of the first ids.
        last: Those of the last ids.
        size: How many ids there are; at least 256 and the special ones.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merged = size - len(first) - len(last) - len(alphabet)
    merges = [(SPACE + stem[:-1], stem[-1]) for stem in stems(merged)]
    tokens = [*first, *alphabet, *(left + right for left, right in merges), *last]
    write_json(folder / "vocab.json", {token: number for number, token in enumerate(tokens)})
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def fast_byte_pairs(folder: Path, special: Iterable[str], *, roberta: bool = False) -> None:
    """Write the tokenizer.json that goes with vocab.json and merges.txt."""
    model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    tokenizer.post_processor = (
        processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
        if roberta
        else processors.ByteLevel(trim_offsets=False)
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def word_pieces(folder: Path, size: int) -> None:
    """Write BERT's vocab.txt: ``[UNK]`` and its like from id 100 on, letters, whole words."""
    letters = [*ALPHABET, *(f"##{letter}" for letter in ALPHABET)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if size > 1_000:  # as it was published
        unused = [f"[unused{number}]" for number in range(99)]
        special = [special[0], *unused, *special[1:]]
    words = [word for word in made_up_words(size) if len(word) > 1]
    tokens = [*special, *letters, *words][:size]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")


def fast_word_pieces(folder: Path, *, lower: bool = True) -> None:
    """Write the tokenizer.json that goes with vocab.txt."""
    tokenizer = Tokenizer(models.WordPiece.from_file(str(folder / "vocab.txt")))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends: Any = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.save(str(folder / "tokenizer.json"))


def characters(folder: Path, size: int) -> None:
    """Write the vocab.txt of a Japanese BERT that reads single characters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    each = (size - len(special)) // 2
    plain = [*KANA, *(chr(FIRST_IDEOGRAPH + number) for number in range(each))][:each]
    tokens = [*special, *plain, *(f"##{letter}" for letter in plain)]
    tokens += [chr(FIRST_IDEOGRAPH + each + number) for number in range(size - len(tokens))]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")


def sentence_pieces(
    path: Path, size: int, *, kind: str, control: Sequence[str], last: Sequence[str] = (),
    seed: int = 1,
) -> list[str]:  # fmt: skip
    """Write a SentencePiece model; return its pieces by id.

    Args:
        path: The file.
        size: How many pieces it has.
        kind: ``bpe`` or ``unigram``.
        control: The pieces of the first ids, ``<unk>`` among them.
        last: Ordinary pieces of the last ids.
        seed: Which words it knows.
    """
    from sentencepiece import sentencepiece_model_pb2

    letters = [MARK, *ALPHABET]
    grown = size - len(control) - len(letters) - len(last)
    # joining goes from the left, and the earlier piece first: whole words come out of either kind
    pieces = [*control, *(MARK + stem for stem in stems(grown, seed)), *letters, *last]
    format_: Any = sentencepiece_model_pb2  # made when it is imported: nothing knows its types
    model = format_.ModelProto()
    for number, piece in enumerate(pieces):
        entry = model.pieces.add(piece=piece, score=-float(number))
        if kind == "unigram":
            entry.score = -10.0 - number / size  # fewer pieces are always likelier
        if piece in control:
            entry.score = 0.0
            entry.type = entry.UNKNOWN if piece == "<unk>" else entry.CONTROL
    ids = {piece: number for number, piece in enumerate(pieces)}
    trainer = model.trainer_spec
    trainer.model_type = trainer.BPE if kind == "bpe" else trainer.UNIGRAM
    trainer.vocab_size = size
    trainer.unk_id, trainer.eos_id = ids["<unk>"], ids["</s>"]
    trainer.bos_id, trainer.pad_id = ids.get("<s>", -1), ids.get("<pad>", -1)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    path.write_bytes(model.SerializeToString())
    return pieces


def saved_by(kind: Any, folder: Path) -> None:
    """Write the tokenizer.json that a class of transformers makes of a folder's files."""
    kind.from_pretrained(folder, local_files_only=True).backend_tokenizer.save(
        str(folder / "tokenizer.json")
    )
