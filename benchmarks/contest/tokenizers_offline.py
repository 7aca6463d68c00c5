"""Tokenizers made here, without a download: real ones, over words that nobody speaks.

A prompt has to be the same number of tokens in every system, whether it takes ids or text. So the
vocabulary is trained on made-up words, and prompts are written in words that are one token each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from pathlib import Path

END = "<|endoftext|>"


def byte_level(size: int, words: list[str]) -> Tokenizer:
    """Train a byte-level BPE as GPT-2 has it, of exactly ``size`` ids; every id decodes.

    The end of text is the last id, as in GPT-2's.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f" {word}" for word in words), trainer)
    missing = size - 1 - tokenizer.get_vocab_size()
    tokenizer.add_tokens([f"filler{number}" for number in range(missing)])
    tokenizer.add_special_tokens([END])
    return tokenizer


def roberta(size: int, words: list[str]) -> Tokenizer:
    """Train a byte-level BPE with RoBERTa's and BART's special tokens in their places."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator((f" {word}" for word in words), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    return tokenizer


def write_m2m100_files(folder: Path, pieces: int, words: list[str]) -> int:
    """Write M2M100's ``vocab.json`` and sentencepiece model; return the number of pieces.

    The sentencepiece model is small; the vocabulary is filled up to its full size with words, for
    a net must be able to choose any id.
    """
    corpus, prefix = folder / "words.txt", folder / "sentencepiece.bpe"
    corpus.write_text("\n".join(words[:4_000]), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(prefix),
        model_type="bpe",
        vocab_size=6_000,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    corpus.unlink()
    model = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    known = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    names = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", *known])
    vocabulary = list(names)
    vocabulary += [f"\u2581filler{number}" for number in range(pieces - len(vocabulary))]
    numbered = {piece: number for number, piece in enumerate(vocabulary)}
    (folder / "vocab.json").write_text(json.dumps(numbered, ensure_ascii=False), encoding="utf-8")
    prefix.with_suffix(".bpe.vocab").unlink(missing_ok=True)
    return len(vocabulary)


def plain_ids(tokenizer: Tokenizer) -> list[bool]:
    """Say of every id whether it is plain ASCII text: no half characters, no special tokens."""
    marks = [False] * tokenizer.get_vocab_size()
    for token, number in tokenizer.get_vocab().items():
        text = tokenizer.decode([number])
        marks[number] = token != END and text.isascii() and text.isprintable() and bool(text)
    return marks


def one_token_words(tokenizer: Tokenizer, words: list[str], most: int) -> list[tuple[str, int]]:
    """Return words, with a space in front, that are a single token, and their ids."""
    found: list[tuple[str, int]] = []
    for word in words:
        ids = tokenizer.encode(f" {word}", add_special_tokens=False).ids
        if len(ids) == 1:
            found.append((f" {word}", ids[0]))
        if len(found) == most:
            break
    return found


def save_fast(tokenizer: Tokenizer, folder: Path, kind: str, **settings: object) -> None:
    """Write a tokenizer as transformers reads it; ``kind`` is its class."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": kind, **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
