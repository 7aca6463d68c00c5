"""Small random nets of every architecture that the engine must serve, and what ``generate`` says.

``generate`` with one prompt by itself is the judge: the engine's rows must get the same tokens.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BertConfig,
    BloomConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    M2M100Config,
    MarianConfig,
    MT5Config,
    OPTConfig,
    PegasusConfig,
    Qwen2Config,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
)

from bot.decoding.sampling import Row

SIZE = 97
END_IDS = frozenset({2, 3, 4, 5})
WINDOW = 512
TIE = 1e-4
SHARP = 0.15  # a net whose logits lie apart, or every second token would be a tie
START = 6

LLAMA_LIKE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": WINDOW,
}
ENDS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": sorted(END_IDS), "pad_token_id": 0}
COMMON = {"vocab_size": SIZE, "initializer_range": SHARP, **ENDS}
INIT_STD = {"init_std": SHARP, "vocab_size": SIZE, **ENDS}
GPT2_LIKE = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": WINDOW}
BART_LIKE = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": WINDOW,
    "decoder_start_token_id": START,
    "forced_eos_token_id": None,
}
VIT = ViTConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    image_size=16, patch_size=4, initializer_range=SHARP,
)  # fmt: skip
WRITERS = {
    "trocr": TrOCRConfig(
        d_model=48, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=64,
        max_position_embeddings=WINDOW, decoder_start_token_id=START,
        cross_attention_hidden_size=32, use_learned_position_embeddings=False, **INIT_STD,
    ),
    "gpt2": GPT2Config(**GPT2_LIKE, **COMMON),
    "bert": BertConfig(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=WINDOW, **COMMON,
    ),
}  # fmt: skip

CONFIGS: dict[str, Any] = {
    "gpt2": GPT2Config(**GPT2_LIKE, **COMMON),
    "gptj": GPTJConfig(**GPT2_LIKE, rotary_dim=8, **COMMON),
    "opt": OPTConfig(
        hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=2,
        word_embed_proj_dim=16, do_layer_norm_before=False, max_position_embeddings=WINDOW,
        **INIT_STD,
    ),
    "llama": LlamaConfig(**LLAMA_LIKE, **COMMON),
    "qwen2": Qwen2Config(**LLAMA_LIKE, **COMMON),
    "gpt_neox": GPTNeoXConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=WINDOW, **COMMON,
    ),
    "gpt_neo": GPTNeoConfig(
        hidden_size=32, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]],
        window_size=16, max_position_embeddings=WINDOW, **COMMON,
    ),
    "bloom": BloomConfig(hidden_size=32, n_layer=2, n_head=2, **COMMON),
    "bart": BartConfig(**BART_LIKE, **INIT_STD),
    "m2m100": M2M100Config(**BART_LIKE, **INIT_STD),
    "marian": MarianConfig(**BART_LIKE, **INIT_STD),
    "pegasus": PegasusConfig(**BART_LIKE, **INIT_STD),
    "mt5": MT5Config(
        d_model=32, d_ff=64, d_kv=16, num_layers=2, num_heads=2, decoder_start_token_id=START,
        relative_attention_num_buckets=8, relative_attention_max_distance=20,
        vocab_size=SIZE, **ENDS,
    ),
    **{f"vit_{kind}": (VIT, writer) for kind, writer in WRITERS.items()},
}  # fmt: skip


def net_of(kind: str) -> Any:
    """Return a net with random weights, always the same."""
    torch.manual_seed(1)
    config = copy.deepcopy(CONFIGS[kind])
    if isinstance(config, tuple):
        pair = VisionEncoderDecoderConfig.from_encoder_decoder_configs(*config)
        pair.decoder_start_token_id, pair.pad_token_id = START, 0
        pair.eos_token_id = sorted(END_IDS)
        net = VisionEncoderDecoderModel(pair)
        net.generation_config.update(decoder_start_token_id=START, **ENDS)
    elif config.is_encoder_decoder:
        net = AutoModelForSeq2SeqLM.from_config(config)
    else:
        net = AutoModelForCausalLM.from_config(config)
    if kind == "mt5":  # its own initialisation is far too even
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return net.eval()


def source_of(kind: str, rng: random.Random) -> Any:
    """Return what the encoder reads: nothing, token ids, or pixels."""
    config = CONFIGS[kind]
    if isinstance(config, tuple):
        return torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(rng.randrange(99)))
    if config.is_encoder_decoder:
        return tuple(rng.randrange(6, SIZE) for _ in range(rng.choice([1, 5, 63, 64, 90])))
    return None


def generated(net: Any, row: Row) -> tuple[list[int], Any]:
    """Return what ``generate`` makes of one row by itself: ids, and the scores of each step."""
    sampling = row.sampling
    options: dict[str, Any] = {"do_sample": False}
    if sampling.temperature:
        options = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
        }
    ids = torch.tensor([row.ids])
    if row.source is None:
        options["input_ids"] = ids
    elif isinstance(row.source, torch.Tensor):
        options |= {"pixel_values": row.source[None], "decoder_input_ids": ids}
    else:
        options |= {"input_ids": torch.tensor([row.source]), "decoder_input_ids": ids}
    if not isinstance(row.source, torch.Tensor):
        options["attention_mask"] = torch.ones_like(options["input_ids"])
    torch.manual_seed(sampling.seed)
    out = net.generate(
        max_new_tokens=sampling.max_new_tokens,
        min_new_tokens=sampling.min_new_tokens or None,
        repetition_penalty=sampling.repetition_penalty,
        no_repeat_ngram_size=sampling.no_repeat_ngram,
        forced_eos_token_id=sampling.forced_last,
        bad_words_ids=[[token] for token in sampling.suppress] or None,
        num_beams=sampling.beams,
        length_penalty=sampling.length_penalty,
        early_stopping=sampling.early_stopping,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    return out.sequences[0, len(row.ids) :].tolist(), out.scores


def is_tie(scores: torch.Tensor) -> bool:
    """Say whether rounding decides which token is likeliest."""
    first, second = scores[0].topk(2).values.tolist()
    return bool(first - second < TIE)
