"""Files as Marian writes them, with weights of chance: its binary models, SentencePiece beside."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

Array = NDArray[Any]
Items = dict[str, tuple[int, tuple[int, ...], bytes]]  # type, shape, data

FLOAT32, TEXT, INTGEMM8 = 0x404, 0x101, 0x4101
WIDTH, INNER, READERS, WRITERS = 16, 24, 2, 2
CORPUS = [
    "the quick brown fox jumps over the lazy dog. where is the station?",
    "a raposa marrom pula sobre o cachorro. onde fica a estação?",
    "good morning, how are you today? bom dia, como está você hoje?",
] * 20
SETTINGS = """bert-train-type-embeddings: true
dec-cell: ssru
dec-depth: 2
dim-emb: 16
dim-vocabs:
  - 90
  - 90
enc-depth: 2
layer-normalization: false
tied-embeddings-all: true
transformer-decoder-autoreg: rnn
transformer-dim-ffn: 24
transformer-ffn-activation: relu
transformer-ffn-depth: 2
transformer-heads: 4
transformer-no-projection: false
transformer-postprocess: dan
transformer-postprocess-emb: d
transformer-postprocess-top: ""
transformer-preprocess: ""
transformer-tied-layers: []
transformer-train-position-embeddings: false
type: transformer
"""


def rounded(weight: Array, *, turned: bool) -> tuple[int, tuple[int, ...], bytes]:
    """Return a matrix (in, out) as Marian keeps it in bytes; an embedding is not turned."""
    multiplier = 127 / np.abs(weight).max()
    levels = np.round((weight.T if turned else weight) * multiplier).astype(np.int8)
    data = levels.tobytes() + struct.pack("<f", multiplier)
    return INTGEMM8, weight.shape, data + bytes(-len(data) % 256)


def floats(weight: Array) -> tuple[int, tuple[int, ...], bytes]:
    """Return floats as Marian keeps them."""
    data = weight.astype("<f4").tobytes()
    return FLOAT32, weight.shape, data + bytes(-len(data) % 256)


def items(pieces: int, seed: int = 0, settings: str = SETTINGS) -> Items:
    """Return the items of a small model; all sharp enough to choose clearly."""
    luck = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return luck.normal(0, 0.4, (rows, columns))

    made: Items = {"Wemb": rounded(matrix(pieces, WIDTH), turned=False)}
    made["Wemb_QuantMultA"] = rounded(matrix(1, 1), turned=False)
    made["decoder_ff_logit_out_b"] = floats(matrix(1, pieces))
    for stack, depth in (("encoder", READERS), ("decoder", WRITERS)):
        for layer in range(1, depth + 1):
            start = f"{stack}_l{layer}"
            look = "self" if stack == "encoder" else "context"
            for part in "qkvo":
                made[f"{start}_{look}_W{part}"] = rounded(matrix(WIDTH, WIDTH), turned=True)
                made[f"{start}_{look}_W{part}_QuantMultA"] = floats(matrix(1, 1))
                made[f"{start}_{look}_b{part}"] = floats(matrix(1, WIDTH))
            made[f"{start}_ffn_W1"] = rounded(matrix(WIDTH, INNER), turned=True)
            made[f"{start}_ffn_b1"] = floats(matrix(1, INNER))
            made[f"{start}_ffn_W2"] = rounded(matrix(INNER, WIDTH), turned=True)
            made[f"{start}_ffn_b2"] = floats(matrix(1, WIDTH))
            norms = [f"{look}_Wo", "ffn_ffn"]
            if stack == "decoder":
                made[f"{start}_rnn_W"] = rounded(matrix(WIDTH, WIDTH), turned=True)
                made[f"{start}_rnn_Wf"] = rounded(matrix(WIDTH, WIDTH), turned=True)
                made[f"{start}_rnn_bf"] = floats(matrix(1, WIDTH))
                norms.append("rnn_ffn")
            for norm in norms:
                made[f"{start}_{norm}_ln_scale"] = floats(1 + matrix(1, WIDTH))
                made[f"{start}_{norm}_ln_bias"] = floats(matrix(1, WIDTH))
    text = settings.encode() + b"\0"
    made["special:model.yml"] = (TEXT, (len(text),), text)
    return made


def binary(made: Items, version: int = 1) -> bytes:
    """Return the bytes of a model file."""
    names = [name.encode() + b"\0" for name in made]
    head = struct.pack("<QQ", version, len(made))
    for name, (kind, shape, data) in zip(names, made.values(), strict=True):
        head += struct.pack("<QQQQ", len(name), kind, len(shape), len(data))
    head += b"".join(names)
    head += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, shape, _ in made.values())
    gap = -(len(head) + 8) % 256
    return head + struct.pack("<Q", gap) + bytes(gap) + b"".join(d for _, _, d in made.values())


def vocabulary() -> bytes:
    """Return a SentencePiece model laid out as Marian trains it: the end is 0, unknown is 1."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=90, hard_vocab_limit=False,
        bos_id=-1, eos_id=0, unk_id=1, minloglevel=2,
    )  # fmt: skip
    return model.getvalue()


def write(folder: Path) -> list[Path]:
    """Write both directions as the package has them; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary()
    size = sentencepiece.SentencePieceProcessor(model_proto=pieces).get_piece_size()
    files = []
    for seed, pair in enumerate(("enpt", "pten")):
        model, words = folder / f"model.{pair}.intgemm.alphas.bin", folder / f"vocab.{pair}.spm"
        model.write_bytes(binary(items(size, seed)))
        words.write_bytes(pieces)
        files += [model, words]
    return files
