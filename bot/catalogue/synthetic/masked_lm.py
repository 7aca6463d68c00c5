"""BERT base and XLM-RoBERTa base, file by file as their repositories have them.

BERT's names are those of TensorFlow: norms have gamma and beta; and it has a head for the next
sentence, which nobody uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.vocabularies import write_json

MULTILINGUAL = "google-bert/bert-base-multilingual-cased"
XLM = "FacebookAI/xlm-roberta-base"
BERT: dict[str, Any] = {
    "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu",
    "gradient_checkpointing": False, "hidden_dropout_prob": 0.1, "hidden_size": 768,
    "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "model_type": "bert", "num_attention_heads": 12,
    "num_hidden_layers": 12, "pad_token_id": 0, "position_embedding_type": "absolute",
    "transformers_version": "4.6.0.dev0", "type_vocab_size": 2, "use_cache": True,
    "vocab_size": 30_522,
}  # fmt: skip
XLM_ROBERTA: dict[str, Any] = BERT | {
    "architectures": ["XLMRobertaForMaskedLM"], "bos_token_id": 0, "eos_token_id": 2,
    "layer_norm_eps": 1e-05, "max_position_embeddings": 514, "model_type": "xlm-roberta",
    "output_past": True, "pad_token_id": 1, "type_vocab_size": 1, "vocab_size": 250_002,
}  # fmt: skip
TINY = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2,
    "vocab_size": 600,
}  # fmt: skip
OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
XLM_SPECIAL = {
    "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>",
    "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>",
}  # fmt: skip


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights."""
    if repo == XLM:
        config = XLM_ROBERTA | (TINY if tiny else {})
        write_json(folder / "config.json", config)
        xlm_roberta_tokenizer(folder, config["vocab_size"], 512)
        return
    many = repo == MULTILINGUAL
    config = BERT | ({"vocab_size": 119_547} if many else {}) | (TINY if tiny else {})
    write_json(folder / "config.json", config)
    bert_tokenizer(folder, config, lower=not many)
    vocabularies.fast_word_pieces(folder, lower=not many)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    if repo == XLM:
        return weights.Layout(file="model.safetensors", architecture="XLMRobertaForMaskedLM")
    return weights.Layout(
        file="model.safetensors", architecture="BertForPreTraining", renamed=_renamed
    )


def bert_tokenizer(folder: Path, config: dict[str, Any], *, lower: bool) -> None:
    """Write BERT's tokenizer as old repositories have it: a vocab.txt and two settings."""
    settings = {"do_lower_case": lower, "model_max_length": config["max_position_embeddings"]}
    write_json(folder / "tokenizer_config.json", settings)
    vocabularies.word_pieces(folder, config["vocab_size"])


def xlm_roberta_tokenizer(folder: Path, size: int, window: int | None) -> None:
    """Write XLM-RoBERTa's tokenizer: a SentencePiece model whose ids are moved by one."""
    vocabularies.sentence_pieces(
        folder / "sentencepiece.bpe.model", size - 2, kind="unigram",
        control=("<unk>", "<s>", "</s>"),
    )  # fmt: skip
    write_json(folder / "special_tokens_map.json", XLM_SPECIAL)
    limit = {} if window is None else {"model_max_length": window}
    kind = {"tokenizer_class": "XLMRobertaTokenizer"}
    write_json(folder / "tokenizer_config.json", XLM_SPECIAL | limit | kind)


def _renamed(name: str) -> str:
    for new, old in OLD_NAMES.items():
        name = name.replace(new, old)
    return name
