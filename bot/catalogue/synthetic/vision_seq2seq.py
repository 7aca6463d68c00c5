"""TrOCR and Manga OCR, file by file as their repositories have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.extractive_qa import roberta_tokenizer
from bot.catalogue.synthetic.vocabularies import write_json

MANGA = "kha-white/manga-ocr-base"
PRINTED, LARGE_PRINTED = "microsoft/trocr-base-printed", "microsoft/trocr-large-printed"

VIT: dict[str, Any] = {
    "attention_probs_dropout_prob": 0.0, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
    "hidden_size": 768, "initializer_range": 0.02, "intermediate_size": 3072,
    "layer_norm_eps": 1e-12, "model_type": "vit", "num_attention_heads": 12, "num_channels": 3,
    "num_hidden_layers": 12, "patch_size": 16,
}  # fmt: skip
TINY_VIT = {
    "hidden_size": 32, "image_size": 32, "intermediate_size": 64, "num_attention_heads": 2,
    "num_hidden_layers": 2,
}  # fmt: skip
TROCR: dict[str, Any] = {
    "activation_dropout": 0.0, "activation_function": "gelu", "attention_dropout": 0.0,
    "bos_token_id": 0, "classifier_dropout": 0.0, "cross_attention_hidden_size": 768,
    "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096,
    "decoder_layerdrop": 0.0, "decoder_layers": 12, "decoder_start_token_id": 2, "dropout": 0.1,
    "eos_token_id": 2, "init_std": 0.02, "is_decoder": True, "add_cross_attention": True,
    "layernorm_embedding": True, "max_position_embeddings": 512, "model_type": "trocr",
    "pad_token_id": 1, "scale_embedding": False, "use_cache": False,
    "use_learned_position_embeddings": True, "vocab_size": 50_265,
}  # fmt: skip
TINY_TROCR = {
    "cross_attention_hidden_size": 32, "d_model": 48, "decoder_attention_heads": 2,
    "decoder_ffn_dim": 64, "decoder_layers": 2, "max_position_embeddings": 64, "vocab_size": 600,
}  # fmt: skip
CHARACTERS: dict[str, Any] = {
    "add_cross_attention": True, "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02,
    "intermediate_size": 3072, "is_decoder": True, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "model_type": "bert", "num_attention_heads": 12,
    "num_hidden_layers": 2, "pad_token_id": 0, "type_vocab_size": 2, "use_cache": True,
    "vocab_size": 6_144,
}  # fmt: skip
TINY_CHARACTERS = {
    "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 64,
    "num_attention_heads": 2, "vocab_size": 600,
}  # fmt: skip
LARGE_VIT = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
    "num_hidden_layers": 24,
}  # fmt: skip
LARGE_TROCR = {"cross_attention_hidden_size": 1024}
SINUSOIDS = {
    "activation_function": "relu", "layernorm_embedding": False, "max_position_embeddings": 1024,
    "scale_embedding": True, "tie_word_embeddings": False, "use_learned_position_embeddings": False,
}  # fmt: skip
BUBBLES = {
    "decoder_start_token_id": 2, "early_stopping": True, "eos_token_id": 3, "length_penalty": 2.0,
    "max_length": 300, "no_repeat_ngram_size": 3, "num_beams": 4, "pad_token_id": 0,
}  # fmt: skip
BOTH: dict[str, Any] = {
    "architectures": ["VisionEncoderDecoderModel"], "is_encoder_decoder": True,
    "model_type": "vision-encoder-decoder", "tie_word_embeddings": False, "torch_dtype": "float32",
}  # fmt: skip
VIT_NAMES = {  # today's, and those that the files have
    "encoder.layers.": "encoder.encoder.layer.",
    "attention.q_proj.": "attention.attention.query.",
    "attention.k_proj.": "attention.attention.key.",
    "attention.v_proj.": "attention.attention.value.",
    "attention.o_proj.": "attention.output.dense.",
    "mlp.fc1.": "intermediate.dense.",
    "mlp.fc2.": "output.dense.",
}
UNUSED = "encoder.pooler.dense"


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights; no tokenizer.json is among them."""
    bubbles = repo == MANGA
    encoder, decoder = _halves(repo, tiny)
    config = BOTH | {"encoder": encoder, "decoder": decoder} | (BUBBLES if bubbles else {})
    write_json(folder / "config.json", config)
    write_json(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor"}
        | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
        | {"size": encoder["image_size"]},
    )
    if bubbles:
        _manga_tokenizer(folder, decoder["vocab_size"])
    else:
        settings = {"bos_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 2}
        settings |= {"pad_token_id": 1, "use_cache": False, "_from_model_config": True}
        write_json(folder / "generation_config.json", settings)
        roberta_tokenizer(folder, decoder["vocab_size"], decoder["max_position_embeddings"])


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    width = _halves(repo, tiny)[0]["hidden_size"]
    return weights.Layout(
        file="model.safetensors" if repo == PRINTED else "pytorch_model.bin",
        architecture="VisionEncoderDecoderModel",
        renamed=_renamed,
        extra={
            f"{UNUSED}.weight": torch.eye(width, dtype=torch.float32),
            f"{UNUSED}.bias": torch.zeros(width),
        },
        silent=(0, 1, 2, 3, 4) if repo == MANGA else (0, 1, 2, 3),
    )


def _halves(repo: str, tiny: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configurations of what sees and of what writes."""
    bubbles = repo == MANGA
    encoder = VIT | {"image_size": 224 if bubbles else 384, "qkv_bias": bubbles}
    decoder = CHARACTERS if bubbles else TROCR
    if "trocr-large" in repo:
        encoder, decoder = encoder | LARGE_VIT, decoder | LARGE_TROCR
    if repo == LARGE_PRINTED:
        decoder = decoder | SINUSOIDS
    if tiny:
        encoder = encoder | TINY_VIT
        decoder = decoder | (TINY_CHARACTERS if bubbles else TINY_TROCR)
    return encoder, decoder


def _manga_tokenizer(folder: Path, size: int) -> None:
    vocabularies.characters(folder, size)
    special = {"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]"}
    special |= {"sep_token": "[SEP]", "unk_token": "[UNK]"}
    write_json(folder / "special_tokens_map.json", special)
    settings = {"do_lower_case": False, "word_tokenizer_type": "mecab", "never_split": None}
    settings |= {"subword_tokenizer_type": "character", "do_subword_tokenize": True}
    settings |= {"mecab_kwargs": {"mecab_dic": "unidic_lite"}, "do_word_tokenize": True}
    kind = {"tokenizer_class": "BertJapaneseTokenizer"}
    write_json(folder / "tokenizer_config.json", special | settings | kind)


def _renamed(name: str) -> str:
    if name.startswith("encoder."):
        for new, old in VIT_NAMES.items():
            name = name.replace(new, old)
    return name
