"""RoBERTa, TinyRoBERTa and MiniLM tuned on SQuAD 2, file by file as deepset has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.masked_lm import BERT, bert_tokenizer
from bot.catalogue.synthetic.vocabularies import write_json

ROBERTA: dict[str, Any] = {
    "architectures": ["RobertaForQuestionAnswering"], "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0, "eos_token_id": 2, "gradient_checkpointing": False, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02,
    "intermediate_size": 3072, "language": "english", "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514, "model_type": "roberta", "name": "Roberta",
    "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1,
    "position_embedding_type": "absolute", "type_vocab_size": 1, "use_cache": True,
    "vocab_size": 50_265,
}  # fmt: skip
TINY = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2,
    "vocab_size": 600,
}  # fmt: skip
MINILM_SQUAD = "deepset/minilm-uncased-squad2"
MINILM: dict[str, Any] = BERT | {
    "architectures": ["BertForQuestionAnswering"], "hidden_size": 384, "intermediate_size": 1536,
}  # fmt: skip
SIZES: dict[str, dict[str, int]] = {
    "deepset/roberta-base-squad2": {},
    "deepset/tinyroberta-squad2": {"num_hidden_layers": 6},
    "deepset/roberta-large-squad2": {
        "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24,
    },
}  # fmt: skip
PADDING = 2  # positions that no token has
FIRST = ("<s>", "<pad>", "</s>", "<unk>")
SPECIAL = {
    "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>",
    "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>",
}  # fmt: skip


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights; there is no tokenizer.json."""
    if repo == MINILM_SQUAD:
        config = MINILM | (TINY if tiny else {})
        write_json(folder / "config.json", config)
        bert_tokenizer(folder, config, lower=True)
        return
    config = ROBERTA | SIZES[repo] | (TINY if tiny else {})
    write_json(folder / "config.json", config)
    roberta_tokenizer(folder, config["vocab_size"], config["max_position_embeddings"] - PADDING)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights: with the numbers of the positions."""
    if repo == MINILM_SQUAD:
        return weights.Layout(file="pytorch_model.bin", architecture="BertForQuestionAnswering")
    positions = ROBERTA["max_position_embeddings"]
    return weights.Layout(
        file="model.safetensors",
        architecture="RobertaForQuestionAnswering",
        extra={"roberta.embeddings.position_ids": torch.arange(positions)[None]},
    )


def roberta_tokenizer(folder: Path, size: int, window: int | None) -> None:
    """Write RoBERTa's tokenizer, which BART and TrOCR have too; ``<mask>`` is its last id."""
    vocabularies.byte_pairs(folder, first=FIRST, last=["<mask>"], size=size)
    write_json(folder / "special_tokens_map.json", SPECIAL)
    limit = {} if window is None else {"model_max_length": window}
    settings = {"add_prefix_space": False, "errors": "replace", "do_lower_case": False}
    kind = {"tokenizer_class": "RobertaTokenizer"}
    write_json(folder / "tokenizer_config.json", SPECIAL | settings | limit | kind)
