"""BART, DistilBART, M2M100, NLLB and Marian, file by file as their repositories have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_LANGUAGES
from transformers.models.nllb.tokenization_nllb import NllbTokenizer

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.extractive_qa import roberta_tokenizer
from bot.catalogue.synthetic.vocabularies import write_json

BART_LARGE, DISTILBART = "facebook/bart-large-cnn", "sshleifer/distilbart-cnn-12-6"
M2M100, NLLB = "facebook/m2m100_418M", "facebook/nllb-200-distilled-600M"
OPUS_SIZES = {
    "Helsinki-NLP/opus-mt-en-de": 58_101,
    "Helsinki-NLP/opus-mt-de-en": 58_101,
    "Helsinki-NLP/opus-mt-en-fr": 59_514,
    "Helsinki-NLP/opus-mt-fr-en": 59_514,
    "Helsinki-NLP/opus-mt-en-es": 65_001,
    "Helsinki-NLP/opus-mt-es-en": 65_001,
    "Helsinki-NLP/opus-mt-ja-en": 60_716,
}

TINY = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "num_hidden_layers": 2,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}  # fmt: skip
LARGE = {
    "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12, "num_hidden_layers": 12,
    "encoder_attention_heads": 16, "decoder_attention_heads": 16, "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096, "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0,
    "activation_dropout": 0.0, "attention_dropout": 0.0, "dropout": 0.1, "init_std": 0.02,
    "is_encoder_decoder": True, "use_cache": True, "bos_token_id": 0, "pad_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 2,
}  # fmt: skip
NEWS = {
    "early_stopping": True, "length_penalty": 2.0, "max_length": 142, "min_length": 56,
    "no_repeat_ngram_size": 3, "num_beams": 4,
}  # fmt: skip
BART: dict[str, Any] = LARGE | NEWS | {
    "_num_labels": 3, "activation_function": "gelu", "add_final_layer_norm": False,
    "architectures": ["BartForConditionalGeneration"], "classif_dropout": 0.0,
    "forced_bos_token_id": 0, "forced_eos_token_id": 2, "max_position_embeddings": 1024,
    "model_type": "bart", "normalize_before": False, "output_past": True, "prefix": " ",
    "scale_embedding": False, "task_specific_params": {"summarization": NEWS},
    "vocab_size": 50_264,
}  # fmt: skip
M2M: dict[str, Any] = LARGE | {
    "activation_function": "relu", "architectures": ["M2M100ForConditionalGeneration"],
    "early_stopping": True, "encoder_layerdrop": 0.05, "decoder_layerdrop": 0.05,
    "gradient_checkpointing": False, "max_length": 200, "max_position_embeddings": 1024,
    "model_type": "m2m_100", "num_beams": 5, "scale_embedding": True, "vocab_size": 128_112,
}  # fmt: skip
OPUS: dict[str, Any] = LARGE | {
    "activation_function": "swish", "add_bias_logits": False, "add_final_layer_norm": False,
    "architectures": ["MarianMTModel"], "d_model": 512, "encoder_layers": 6, "decoder_layers": 6,
    "num_hidden_layers": 6, "encoder_attention_heads": 8, "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2048, "decoder_ffn_dim": 2048, "max_length": 512, "num_beams": 6,
    "max_position_embeddings": 512, "model_type": "marian", "normalize_before": False,
    "normalize_embedding": False, "scale_embedding": True, "static_position_embeddings": True,
    "bos_token_id": 0, "eos_token_id": 0, "forced_eos_token_id": 0,
}  # fmt: skip
SPECIAL = {
    "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>",
    "pad_token": "<pad>",
}  # fmt: skip
CONTROL = ("<unk>", "<s>", "</s>")
MADE_UP = 8  # ids behind M2M100's languages
SPARE = 2  # ids behind NLLB's vocabulary
MARIAN_PIECES = 0.55  # of its vocabulary, that either language's model has
ENDS = (0, 1, 2, 3)
TIED = ("model.encoder.embed_tokens", "model.decoder.embed_tokens", "lm_head")


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights."""
    FILES.get(repo, _marian_files)(folder, repo, tiny)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    return _marian(repo, tiny) if repo in OPUS_SIZES else LAYOUTS[repo](tiny)


def _bart_files(folder: Path, repo: str, tiny: bool) -> None:
    config = dict(BART)
    if repo == DISTILBART:
        config |= {
            "decoder_layers": 6,
            "extra_pos_embeddings": 2,
            "force_bos_token_to_be_generated": True,
        }
    if tiny:
        config |= {**TINY, "vocab_size": 600}
    write_json(folder / "config.json", config)
    kept = [*NEWS, "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"]
    kept += ["forced_bos_token_id", "forced_eos_token_id"]
    settings = {key: config[key] for key in kept}
    write_json(folder / "generation_config.json", {"_from_model_config": True, **settings})
    roberta_tokenizer(folder, config["vocab_size"] + 1, None)
    (folder / "special_tokens_map.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    if repo == DISTILBART:
        write_json(folder / "tokenizer_config.json", {"model_max_length": 1024})
    else:
        special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
        vocabularies.fast_byte_pairs(folder, special, roberta=True)


def _m2m100_files(folder: Path, repo: str, tiny: bool) -> None:
    codes = FAIRSEQ_LANGUAGE_CODES["m2m100"]
    config = M2M | (TINY | {"vocab_size": 600 + len(codes)} if tiny else {})
    write_json(folder / "config.json", config)
    plain = config["vocab_size"] - len(codes) - MADE_UP
    pieces = vocabularies.sentence_pieces(
        folder / "sentencepiece.bpe.model", plain - 1, kind="bpe", control=CONTROL
    )
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *pieces[len(CONTROL) :]]
    write_json(folder / "vocab.json", {token: number for number, token in enumerate(tokens)})
    languages = {"additional_special_tokens": [f"__{code}__" for code in codes]}
    write_json(folder / "special_tokens_map.json", SPECIAL | languages)
    settings: dict[str, Any] = {"src_lang": None, "tgt_lang": None, "num_madeup_words": MADE_UP}
    settings |= {"tokenizer_class": "M2M100Tokenizer", "model_max_length": 1024}
    write_json(folder / "tokenizer_config.json", SPECIAL | settings | {"language_codes": "m2m100"})


def _nllb_files(folder: Path, repo: str, tiny: bool) -> None:
    codes = list(NLLB_LANGUAGES)
    size = 600 + len(codes) if tiny else 256_206
    config = M2M | (TINY if tiny else {}) | {"vocab_size": size, "tokenizer_class": "NllbTokenizer"}
    write_json(folder / "config.json", config | {"early_stopping": False, "num_beams": 1})
    vocabularies.sentence_pieces(
        folder / "sentencepiece.bpe.model", size - SPARE - len(codes) - 2, kind="bpe",
        control=CONTROL,
    )  # fmt: skip
    settings: dict[str, Any] = SPECIAL | {"cls_token": "<s>", "mask_token": "<mask>"}
    settings |= {"additional_special_tokens": codes}
    write_json(folder / "special_tokens_map.json", settings)
    more = {"tokenizer_class": "NllbTokenizer", "model_max_length": 1024, "src_lang": None}
    write_json(folder / "tokenizer_config.json", settings | more)
    vocabularies.saved_by(NllbTokenizer, folder)


def _marian_files(folder: Path, repo: str, tiny: bool) -> None:
    size = 600 if tiny else OPUS_SIZES[repo]
    pad = {"decoder_start_token_id": size - 1, "pad_token_id": size - 1}
    config = OPUS | (TINY if tiny else {}) | pad
    config |= {"bad_words_ids": [[size - 1]], "vocab_size": size}
    write_json(folder / "config.json", config)
    found = dict.fromkeys(("</s>", "<unk>"))
    for seed, name in enumerate(("source", "target"), start=1):
        pieces = vocabularies.sentence_pieces(
            folder / f"{name}.spm", int(MARIAN_PIECES * size), kind="unigram", control=CONTROL,
            seed=seed,
        )  # fmt: skip
        found |= dict.fromkeys(piece for piece in pieces if piece not in CONTROL)
    tokens = list(found)[: size - 1]
    tokens += [f"▁spare{number}" for number in range(size - 1 - len(tokens))]
    numbered = {token: number for number, token in enumerate([*tokens, "<pad>"])}
    write_json(folder / "vocab.json", numbered)
    source, target = repo.split("-")[-2:]
    languages = {"source_lang": source, "target_lang": target}
    languages |= {"tokenizer_class": "MarianTokenizer"}
    limit = {"model_max_length": config["max_position_embeddings"]}
    write_json(folder / "tokenizer_config.json", languages | limit)


def _bart(tiny: bool) -> weights.Layout:
    return weights.Layout(
        file="model.safetensors", architecture="BartForConditionalGeneration", silent=ENDS
    )


def _distilbart(tiny: bool) -> weights.Layout:
    return weights.Layout(
        file="pytorch_model.bin",
        architecture="BartForConditionalGeneration",
        same=_tied("model.shared.weight"),
        silent=ENDS,
        before_zip=True,
    )


def _m2m100(tiny: bool) -> weights.Layout:
    plain = 600 - MADE_UP if tiny else M2M["vocab_size"] - MADE_UP - 100
    last = plain + MADE_UP + 100
    return weights.Layout(
        file="pytorch_model.bin",
        architecture="M2M100ForConditionalGeneration",
        same=_tied("model.shared.weight"),
        silent=(*ENDS, *range(plain, last)),
    )


def _nllb(tiny: bool) -> weights.Layout:
    last = 600 + len(NLLB_LANGUAGES) if tiny else 256_206
    return weights.Layout(
        file="pytorch_model.bin",
        architecture="M2M100ForConditionalGeneration",
        same=_tied("model.shared.weight"),
        silent=(*ENDS, *range(last - SPARE - len(NLLB_LANGUAGES) - 1, last)),
    )


def _marian(repo: str, tiny: bool) -> weights.Layout:
    last = (600 if tiny else OPUS_SIZES[repo]) - 1
    return weights.Layout(
        file="pytorch_model.bin",
        architecture="MarianMTModel",
        same=_tied("model.shared.weight"),
        silent=(0, 1, last),
        before_zip=True,
    )


def _tied(table: str) -> dict[str, str]:
    return {f"{name}.weight": table for name in TIED}


FILES: dict[str, Callable[[Path, str, bool], None]] = {
    BART_LARGE: _bart_files,
    DISTILBART: _bart_files,
    M2M100: _m2m100_files,
    NLLB: _nllb_files,
}
LAYOUTS: dict[str, Callable[[bool], weights.Layout]] = {
    BART_LARGE: _bart,
    DISTILBART: _distilbart,
    M2M100: _m2m100,
    NLLB: _nllb,
}
