"""mT5 and FLAN-T5, file by file as google has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.vocabularies import write_json

MT5_BASE = "google/mt5-base"
T5: dict[str, Any] = {
    "d_ff": 2048, "d_kv": 64, "d_model": 768, "decoder_start_token_id": 0, "dropout_rate": 0.1,
    "eos_token_id": 1, "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0,
    "is_encoder_decoder": True, "layer_norm_epsilon": 1e-06, "num_decoder_layers": 12,
    "num_heads": 12, "num_layers": 12, "output_past": True, "pad_token_id": 0,
    "relative_attention_num_buckets": 32, "tie_word_embeddings": False,
}  # fmt: skip
MT5 = T5 | {
    "architectures": ["MT5ForConditionalGeneration"], "model_type": "mt5",
    "tokenizer_class": "T5Tokenizer", "vocab_size": 250_112,
}  # fmt: skip
FLAN = T5 | {
    "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "n_positions": 512,
    "relative_attention_max_distance": 128, "vocab_size": 32_128,
    "task_specific_params": {
        "summarization": {
            "early_stopping": True, "length_penalty": 2.0, "max_length": 200, "min_length": 30,
            "no_repeat_ngram_size": 3, "num_beams": 4, "prefix": "summarize: ",
        }
    },
}  # fmt: skip
SIZES: dict[str, dict[str, int]] = {
    "google/flan-t5-base": {},
    "google/flan-t5-large": {
        "d_ff": 2816, "d_model": 1024, "num_decoder_layers": 24, "num_heads": 16, "num_layers": 24,
    },
}  # fmt: skip
TINY = {
    "d_ff": 64, "d_kv": 16, "d_model": 32, "num_heads": 2, "num_layers": 2,
    "num_decoder_layers": 2, "vocab_size": 600,
}  # fmt: skip
SPECIAL = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
CONTROL = ("<pad>", "</s>", "<unk>")
HOLES = 100
MT5_SPARE, FLAN_SPARE = 12, 28  # ids behind the vocabulary


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights."""
    config = (MT5 if repo == MT5_BASE else FLAN | SIZES[repo]) | (TINY if tiny else {})
    write_json(folder / "config.json", config)
    if repo == MT5_BASE:  # its holes are pieces like others
        holes = [f"▁<extra_id_{number}>" for number in range(HOLES - 1, -1, -1)]
        size, added = config["vocab_size"] - MT5_SPARE, 0
        special: dict[str, Any] = dict(SPECIAL)
    else:
        holes, added = [], HOLES
        size = config["vocab_size"] - FLAN_SPARE - HOLES
        named = [f"<extra_id_{number}>" for number in range(HOLES)]
        special = SPECIAL | {"additional_special_tokens": named}
    vocabularies.sentence_pieces(
        folder / "spiece.model", size, kind="unigram", control=CONTROL, last=holes
    )
    write_json(folder / "special_tokens_map.json", special)
    settings = {"extra_ids": added, "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer"}
    limit = {"model_max_length": 512} if added else {"additional_special_tokens": None}
    write_json(folder / "tokenizer_config.json", special | settings | limit)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights: a head of its own, queries that need no scale."""
    is_mt5 = repo == MT5_BASE
    size = TINY["vocab_size"] if tiny else (MT5 if is_mt5 else FLAN)["vocab_size"]
    spare = (MT5_SPARE if is_mt5 else FLAN_SPARE) + HOLES
    tables = {f"{half}.embed_tokens.weight": "shared.weight" for half in ("encoder", "decoder")}
    return weights.Layout(
        file="pytorch_model.bin",
        architecture=f"{'M' * is_mt5}T5ForConditionalGeneration",
        same=tables,
        silent=(0, 1, 2, *range(size - spare, size)),
        queries=(TINY["d_kv"] if tiny else T5["d_kv"]) ** -0.5,
    )
