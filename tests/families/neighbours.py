"""Small random checkpoints of the catalogue's neighbours, in the files of their repositories.

Architecture, kind of tokenizer, names of files and settings are as on the hub; sizes are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    DeiTConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    TrOCRConfig,
    ViTConfig,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaForSequenceClassification,
)

from tests.families import hub_files, repositories
from tests.families.repositories import CORPUS, SHARP, VIT, config, pair, pieces, weights, write

LLAMA_LIKE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": SHARP,
    "tie_word_embeddings": True,
}  # fmt: skip
TURNS = ["<|im_start|>", "<|im_end|>"]
CHAT_ML = (
    "{% for turn in messages %}<|im_start|>{{ turn['role'] }}\n{{ turn['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SILENT = "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
THINKING = CHAT_ML.removesuffix("{% endif %}") + SILENT + "{% endif %}{% endif %}"
XLMR_CORPUS = [*CORPUS, "good bad film story <mask>"]


def chat(folder: Path, kind: Any, config_kind: Any, template: str, **options: Any) -> Path:
    """A model that follows instructions: byte-level BPE, a chat template among the settings."""
    reader = Tokenizer(models.BPE())
    reader.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    reader.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    reader.train_from_iterator(CORPUS, trainer)
    reader.add_special_tokens([repositories.END, *TURNS])
    if template == THINKING:
        reader.add_tokens(["<think>", "</think>"])  # ordinary text, as in Qwen3
    reader.save(str(folder / "tokenizer.json"))
    reader.model.save(str(folder))
    end = reader.token_to_id(TURNS[1])
    settings = {"eos_token": TURNS[1], "pad_token": repositories.END, "chat_template": template}
    kinds = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write(folder / "tokenizer_config.json", settings | kinds)
    ends = {"bos_token_id": end, "eos_token_id": [end, end - 2], "pad_token_id": end - 2}
    write(folder / "generation_config.json", ends | {"do_sample": True, "temperature": 0.7})
    torch.manual_seed(11)
    sizes = LLAMA_LIKE | {"vocab_size": reader.get_vocab_size() + 4, **options}
    net = kind(config_kind(**sizes, bos_token_id=end, eos_token_id=end))
    config(folder, net, torch_dtype="bfloat16")
    state = {name: weight.to(torch.bfloat16) for name, weight in net.state_dict().items()}
    state.pop("lm_head.weight")
    repositories.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def flan_t5(folder: Path) -> Path:
    """google/flan-t5-*: a head of its own, tasks among the settings, sentinels at the end."""
    special = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    made = pieces(folder / "spiece.model", "unigram", 180, **special)
    holes = [f"<extra_id_{number}>" for number in range(100)]
    names = repositories.SPECIAL | {"additional_special_tokens": holes}
    write(folder / "special_tokens_map.json", names)
    settings = {"extra_ids": 100, "tokenizer_class": "T5Tokenizer", "model_max_length": 512}
    write(folder / "tokenizer_config.json", names | settings)
    torch.manual_seed(12)
    net = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(made) + 100, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2,
            num_decoder_layers=2, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
            decoder_start_token_id=0,
        )
    )  # fmt: skip
    net.lm_head.weight = torch.nn.Parameter(net.lm_head.weight.clone())
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    net.lm_head.weight.data[[1, *range(len(made), len(made) + 100)]] = 0.0  # or it ends at once
    lengths = {"max_length": 20, "num_beams": 4, "early_stopping": True}
    summary = {"min_length": 3, "no_repeat_ngram_size": 3, "prefix": "summarize: ", **lengths}
    german = {"prefix": "translate English to German: ", **lengths}
    tasks = {"summarization": summary, "translation_en_to_de": german}
    config(folder, net, tie_word_embeddings=False, n_positions=512, task_specific_params=tasks)
    weights(folder, net)
    return folder


def xlmr_pieces(folder: Path) -> int:
    """Write XLM-R's vocabulary, SentencePiece alone; return the number of ids."""
    made = pieces(folder / "sentencepiece.bpe.model", "unigram", 170)
    names = repositories.SPECIAL | {"bos_token": "<s>", "sep_token": "</s>", "cls_token": "<s>"}
    names |= {"mask_token": "<mask>"}
    write(folder / "special_tokens_map.json", names)
    settings = {"model_max_length": 62, "tokenizer_class": "XLMRobertaTokenizer"}
    write(folder / "tokenizer_config.json", names | settings)
    return len(made) + 2  # shifted by one, and the mask behind


def xlm_roberta(folder: Path, kind: Any = XLMRobertaForMaskedLM, **options: Any) -> Path:
    """FacebookAI/xlm-roberta-base, or one fine-tuned for labels."""
    size = xlmr_pieces(folder)
    torch.manual_seed(13)
    net = kind(
        XLMRobertaConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, type_vocab_size=1, pad_token_id=1,
            bos_token_id=0, eos_token_id=2, **options,
        )
    )  # fmt: skip
    config(folder, hub_files.loud(net))
    weights(folder, net)
    return folder


def word_pieces(folder: Path, kind: Any, *, cased: bool) -> Path:
    """A BERT: multilingual and cased, or MiniLM's narrow one."""
    size = hub_files.write_word_pieces(folder)
    settings = {"do_lower_case": not cased, "model_max_length": hub_files.WINDOW}
    write(folder / "tokenizer_config.json", settings | {"tokenizer_class": "BertTokenizer"})
    torch.manual_seed(14)
    net = kind(
        BertConfig(
            **hub_files.SIZE, vocab_size=size, intermediate_size=64,
            max_position_embeddings=hub_files.WINDOW,
        )
    )  # fmt: skip
    config(folder, hub_files.loud(net))
    weights(folder, net)
    return folder


def trocr_large_printed(folder: Path) -> Path:
    """microsoft/trocr-large-printed: sinusoids for positions, a head of its own, scaled words."""
    repositories.trocr(folder)
    size = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
    torch.manual_seed(15)
    decoder = TrOCRConfig(
        vocab_size=size, d_model=24, decoder_layers=2, decoder_attention_heads=2,
        decoder_ffn_dim=32, max_position_embeddings=64, cross_attention_hidden_size=16,
        layernorm_embedding=False, scale_embedding=True, use_learned_position_embeddings=False,
        activation_function="relu", tie_word_embeddings=False, decoder_start_token_id=2,
        init_std=SHARP,
    )  # fmt: skip
    pair(folder, ViTConfig(image_size=32, **VIT), decoder, pooled=False)
    return folder


def trocr_small(folder: Path) -> Path:
    """microsoft/trocr-small-printed: a DeiT, and the pieces of XLM-R."""
    size = xlmr_pieces(folder)
    write(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "DeiTFeatureExtractor"}
        | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3, "size": 32}
        | {"crop_size": 32, "do_center_crop": False},
    )
    torch.manual_seed(16)
    decoder = TrOCRConfig(
        vocab_size=size, d_model=24, decoder_layers=2, decoder_attention_heads=2,
        decoder_ffn_dim=32, max_position_embeddings=64, cross_attention_hidden_size=16,
        layernorm_embedding=True, tie_word_embeddings=False, activation_function="relu",
        decoder_start_token_id=2, init_std=SHARP,
    )  # fmt: skip
    pair(folder, DeiTConfig(image_size=32, **{**VIT, "qkv_bias": True}), decoder, pooled=False)
    return folder


LABELS = {"id2label": {0: "negative", 1: "neutral", 2: "positive"}, "num_labels": 3}
LLAMA = partial(chat, kind=LlamaForCausalLM, config_kind=LlamaConfig, template=CHAT_ML)
QWEN2 = partial(chat, kind=Qwen2ForCausalLM, config_kind=Qwen2Config, template=CHAT_ML)
QWEN3 = partial(
    chat, kind=Qwen3ForCausalLM, config_kind=Qwen3Config, template=THINKING, head_dim=16
)

BUILDERS: dict[str, Callable[[Path], Path]] = {
    "smollm2-360m-instruct": LLAMA,
    "smollm2-1.7b-instruct": LLAMA,
    "qwen2.5-0.5b-instruct": QWEN2,
    "qwen2.5-1.5b-instruct": QWEN2,
    "qwen3-0.6b": QWEN3,
    "flan-t5-base": flan_t5,
    "flan-t5-large": flan_t5,
    "bert-base-multilingual-cased": partial(word_pieces, kind=BertForMaskedLM, cased=True),
    "xlm-roberta-base": xlm_roberta,
    "xlm-roberta-sentiment": partial(
        xlm_roberta, kind=XLMRobertaForSequenceClassification, **LABELS
    ),
    "roberta-large-squad2": hub_files.squad,
    "minilm-uncased-squad2": partial(word_pieces, kind=BertForQuestionAnswering, cased=False),
    "trocr-large-printed": trocr_large_printed,
    "trocr-large-handwritten": repositories.trocr,
    "trocr-small-printed": trocr_small,
    "vit-gpt2-captions": repositories.vit_gpt2,
    "blip-captions": repositories.blip,
    "distilbart-cnn-12-6": repositories.bart,
    "nllb-200-distilled-600m": repositories.nllb,
}
"""Entry -> what writes a small checkpoint of its kind into a folder."""
