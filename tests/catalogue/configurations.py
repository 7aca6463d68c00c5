"""The true configurations of the catalogue's neighbours: what their number of parameters hangs on.

Those of the models named in the design are written down in :mod:`bot.catalogue.synthetic`.
"""

from __future__ import annotations

from typing import Any

from transformers import (
    BertConfig,
    BlipConfig,
    DeiTConfig,
    GPT2Config,
    LlamaConfig,
    MarianConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
    T5Config,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    ViTConfig,
    XLMRobertaConfig,
)


def llama(hidden: int, inner: int, layers: int, heads: int, kept: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=49_152, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kept, max_position_embeddings=8_192,
        tie_word_embeddings=True,
    )  # fmt: skip


def qwen(
    kind: Any, hidden: int, inner: int, layers: int, heads: int, kept: int, **options: Any
) -> PretrainedConfig:
    made: PretrainedConfig = kind(
        vocab_size=151_936, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kept, tie_word_embeddings=True, **options,
    )  # fmt: skip
    return made


def t5(width: int, inner: int, layers: int, heads: int) -> T5Config:
    return T5Config(
        vocab_size=32_128, d_model=width, d_ff=inner, d_kv=64, num_layers=layers,
        num_decoder_layers=layers, num_heads=heads, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip


def marian(vocabulary: int) -> MarianConfig:
    return MarianConfig(
        vocab_size=vocabulary, pad_token_id=vocabulary - 1, decoder_start_token_id=vocabulary - 1,
        d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2_048, decoder_ffn_dim=2_048,
        max_position_embeddings=512, static_position_embeddings=True, scale_embedding=True,
    )  # fmt: skip


def both(encoder: PretrainedConfig, decoder: PretrainedConfig) -> VisionEncoderDecoderConfig:
    return VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)


LARGE_VIT = ViTConfig(
    hidden_size=1_024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4_096,
    image_size=384, qkv_bias=False,
)  # fmt: skip
SMALL_DEIT = DeiTConfig(
    hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1_536,
    image_size=384,
)  # fmt: skip
XLMR = {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1}

TRUE: dict[str, tuple[str, PretrainedConfig]] = {
    "smollm2-360m-instruct": ("LlamaForCausalLM", llama(960, 2_560, 32, 15, 5)),
    "smollm2-1.7b-instruct": ("LlamaForCausalLM", llama(2_048, 8_192, 24, 32, 32)),
    "smollm2-135m-instruct": ("LlamaForCausalLM", llama(576, 1_536, 30, 9, 3)),
    "qwen2.5-0.5b-instruct": ("Qwen2ForCausalLM", qwen(Qwen2Config, 896, 4_864, 24, 14, 2)),
    "qwen2.5-1.5b-instruct": ("Qwen2ForCausalLM", qwen(Qwen2Config, 1_536, 8_960, 28, 12, 2)),
    "qwen3-0.6b": ("Qwen3ForCausalLM", qwen(Qwen3Config, 1_024, 3_072, 28, 16, 8, head_dim=128)),
    "flan-t5-base": ("T5ForConditionalGeneration", t5(768, 2_048, 12, 12)),
    "flan-t5-large": ("T5ForConditionalGeneration", t5(1_024, 2_816, 24, 16)),
    "bert-base-multilingual-cased": ("BertForMaskedLM", BertConfig(vocab_size=119_547)),
    "xlm-roberta-base": ("XLMRobertaForMaskedLM", XLMRobertaConfig(**XLMR)),
    "xlm-roberta-sentiment": (
        "XLMRobertaForSequenceClassification", XLMRobertaConfig(**XLMR, num_labels=3)
    ),
    "roberta-large-squad2": (
        "RobertaForQuestionAnswering",
        RobertaConfig(
            vocab_size=50_265, hidden_size=1_024, num_hidden_layers=24, num_attention_heads=16,
            intermediate_size=4_096, max_position_embeddings=514, type_vocab_size=1,
        ),
    ),
    "minilm-uncased-squad2": (
        "BertForQuestionAnswering",
        BertConfig(hidden_size=384, num_attention_heads=12, intermediate_size=1_536),
    ),
    "opus-mt-de-en": ("MarianMTModel", marian(58_101)),
    "opus-mt-en-fr": ("MarianMTModel", marian(59_514)),
    "opus-mt-fr-en": ("MarianMTModel", marian(59_514)),
    "opus-mt-en-es": ("MarianMTModel", marian(65_001)),
    "opus-mt-es-en": ("MarianMTModel", marian(65_001)),
    "opus-mt-ja-en": ("MarianMTModel", marian(60_716)),
    "trocr-large-printed": (
        "VisionEncoderDecoderModel",
        both(
            LARGE_VIT,
            TrOCRConfig(
                d_model=1_024, cross_attention_hidden_size=1_024, max_position_embeddings=1_024,
                use_learned_position_embeddings=False, layernorm_embedding=False,
                scale_embedding=True, activation_function="relu", tie_word_embeddings=False,
            ),
        ),
    ),
    "trocr-large-handwritten": (
        "VisionEncoderDecoderModel",
        both(LARGE_VIT, TrOCRConfig(d_model=1_024, cross_attention_hidden_size=1_024)),
    ),
    "trocr-small-printed": (
        "VisionEncoderDecoderModel",
        both(
            SMALL_DEIT,
            TrOCRConfig(
                vocab_size=64_044, d_model=256, decoder_layers=6, decoder_attention_heads=8,
                decoder_ffn_dim=1_024, cross_attention_hidden_size=384, tie_word_embeddings=False,
            ),
        ),
    ),
    "vit-gpt2-captions": ("VisionEncoderDecoderModel", both(ViTConfig(), GPT2Config())),
    "blip-captions": (
        "BlipForConditionalGeneration",
        BlipConfig(text_config={"vocab_size": 30_524}, vision_config={"image_size": 384}),
    ),
}  # fmt: skip
"""Entry -> the class of transformers that reads it, and its configuration."""
