"""DistilBERT tuned on SST-2 and XLM-RoBERTa on messages, as their repositories have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.catalogue.synthetic import weights
from bot.catalogue.synthetic.masked_lm import (
    TINY,
    XLM_ROBERTA,
    bert_tokenizer,
    xlm_roberta_tokenizer,
)
from bot.catalogue.synthetic.vocabularies import write_json

MESSAGES = "cardiffnlp/twitter-xlm-roberta-base-sentiment"
DISTILBERT: dict[str, Any] = {
    "activation": "gelu", "architectures": ["DistilBertForSequenceClassification"],
    "attention_dropout": 0.1, "dim": 768, "dropout": 0.1, "finetuning_task": "sst-2",
    "hidden_dim": 3072, "id2label": {"0": "NEGATIVE", "1": "POSITIVE"}, "initializer_range": 0.02,
    "label2id": {"NEGATIVE": 0, "POSITIVE": 1}, "max_position_embeddings": 512,
    "model_type": "distilbert", "n_heads": 12, "n_layers": 6, "output_past": True,
    "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": False,
    "tie_weights_": True, "vocab_size": 30_522,
}  # fmt: skip
TINY_DISTILBERT = {"dim": 32, "hidden_dim": 64, "n_heads": 2, "n_layers": 2, "vocab_size": 600}
MOODS = ("negative", "neutral", "positive")
XLM_SENTIMENT: dict[str, Any] = XLM_ROBERTA | {
    "architectures": ["XLMRobertaForSequenceClassification"],
    "id2label": {str(number): mood for number, mood in enumerate(MOODS)},
    "label2id": {mood: number for number, mood in enumerate(MOODS)},
}


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights; there is no tokenizer.json."""
    if repo == MESSAGES:
        config = XLM_SENTIMENT | (TINY if tiny else {})
        write_json(folder / "config.json", config)
        xlm_roberta_tokenizer(folder, config["vocab_size"], None)
        return
    config = DISTILBERT | (TINY_DISTILBERT if tiny else {})
    write_json(folder / "config.json", config)
    bert_tokenizer(folder, config, lower=True)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    if repo == MESSAGES:
        return weights.Layout(
            file="pytorch_model.bin", architecture="XLMRobertaForSequenceClassification"
        )
    return weights.Layout(
        file="model.safetensors", architecture="DistilBertForSequenceClassification"
    )
