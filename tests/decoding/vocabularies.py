"""Tokenizers made on the spot: one whose words are its ids, and the three kinds of byte trouble."""

from __future__ import annotations

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = ["the quick brown fox, the lazy dog. User: hello User: bye STOP END"] * 5
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def numbers(size: int) -> Tokenizer:
    """Return a tokenizer that writes id 7 as ``7``, words parted by a space."""
    return Tokenizer(models.WordLevel({str(n): n for n in range(size)}, unk_token="0"))


def ids_of(text: str) -> list[int]:
    """Return the ids that a text of :func:`numbers` was made of."""
    return [int(word) for word in text.split()]


def byte_level() -> Tokenizer:
    """Return a vocabulary like GPT-2's: rare characters are several tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<end>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_fallback() -> Tokenizer:
    """Return a vocabulary like Llama's: spaces belong to words, unknown characters are bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<end>", *BYTES], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    plain = json.loads(tokenizer.to_str())  # the trainer took the bytes for special tokens
    plain["added_tokens"] = [t for t in plain["added_tokens"] if t["content"] == "<end>"]
    return Tokenizer.from_str(json.dumps(plain))
