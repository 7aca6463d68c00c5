"""GPT-2, DistilGPT2, GPT-J and OPT, file by file as their repositories have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.vocabularies import write_json

END = "<|endoftext|>"
GPT2_SIZE = 50_257
GPTJ_SPARE = 143  # ids behind GPT-2's that mean nothing
TINY_SIZE = 600
SHARD_BYTES = 10_000_000_000

GPT2: dict[str, Any] = {
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
    "bos_token_id": 50_256, "embd_pdrop": 0.1, "eos_token_id": 50_256, "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
    "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": None,
    "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index",
    "summary_use_proj": True, "vocab_size": GPT2_SIZE,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
}  # fmt: skip

GPTJ: dict[str, Any] = {
    "activation_function": "gelu_new", "architectures": ["GPTJForCausalLM"], "attn_pdrop": 0.0,
    "bos_token_id": 50_256, "embd_pdrop": 0.0, "eos_token_id": 50_256, "initializer_range": 0.02,
    "gradient_checkpointing": False, "layer_norm_epsilon": 1e-05, "model_type": "gptj",
    "n_embd": 4096, "n_head": 16, "n_inner": None, "n_layer": 28, "n_positions": 2048,
    "resid_pdrop": 0.0, "rotary": True, "rotary_dim": 64, "scale_attn_weights": True,
    "tie_word_embeddings": False, "tokenizer_class": "GPT2Tokenizer", "use_cache": True,
    "vocab_size": GPT2_SIZE + GPTJ_SPARE, "transformers_version": "4.18.0.dev0",
    "task_specific_params": {
        "text-generation": {"do_sample": True, "max_length": 50, "temperature": 1.0}
    },
}  # fmt: skip

OPT: dict[str, Any] = {
    "activation_dropout": 0.0, "activation_function": "relu", "architectures": ["OPTForCausalLM"],
    "attention_dropout": 0.0, "bos_token_id": 2, "do_layer_norm_before": True, "dropout": 0.1,
    "eos_token_id": 2, "init_std": 0.02, "layerdrop": 0.0, "max_position_embeddings": 2048,
    "model_type": "opt", "pad_token_id": 1, "prefix": "</s>", "torch_dtype": "float16",
    "transformers_version": "4.21.0.dev0", "use_cache": True, "vocab_size": 50_272,
}  # fmt: skip

OPT_SIZES = {  # hidden_size, num_hidden_layers, num_attention_heads
    "facebook/opt-125m": (768, 12, 12),
    "facebook/opt-350m": (1024, 24, 16),
    "facebook/opt-1.3b": (2048, 24, 32),
    "facebook/opt-2.7b": (2560, 32, 32),
    "facebook/opt-6.7b": (4096, 32, 32),
    "facebook/opt-13b": (5120, 40, 40),
    "facebook/opt-30b": (7168, 48, 56),
    "facebook/opt-66b": (9216, 64, 72),
}


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights."""
    if repo in OPT_SIZES:
        _opt_files(folder, repo, tiny)
    elif repo == "EleutherAI/gpt-j-6b":
        _gptj_files(folder, tiny)
    else:
        _gpt2_files(folder, repo, tiny)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    end = TINY_SIZE - 1 if tiny else GPT2_SIZE - 1
    if repo in OPT_SIZES:
        return weights.Layout(
            file="pytorch_model.bin",
            architecture="OPTForCausalLM",
            dtype=torch.float16,
            renamed=lambda name: name.removeprefix("model."),
            silent=(0, 1, 2, 3),
            shard_bytes=SHARD_BYTES,
        )
    if repo == "EleutherAI/gpt-j-6b":
        return weights.Layout(
            file="pytorch_model.bin",
            architecture="GPTJForCausalLM",
            dtype=torch.float16,
            extra=_gptj_masks(2 if tiny else GPTJ["n_layer"], 128 if tiny else GPTJ["n_positions"]),
            silent=tuple(range(end, end + 1 + GPTJ_SPARE)),
        )
    prefix = "transformer." if repo == "distilbert/distilgpt2" else ""
    layers = 2 if tiny else 6 if prefix else GPT2["n_layer"]
    return weights.Layout(
        file="model.safetensors",
        architecture="GPT2LMHeadModel",
        renamed=lambda name: prefix + name.removeprefix("transformer."),
        extra=_gpt2_masks(prefix, layers, 128 if tiny else GPT2["n_positions"]),
        silent=(end,),
    )


def _gpt2_files(folder: Path, repo: str, tiny: bool) -> None:
    config = dict(GPT2)
    if repo == "distilbert/distilgpt2":
        config |= {"_num_labels": 1, "n_layer": 6}
    if tiny:
        size = {"n_embd": 32, "n_head": 2, "n_layer": 2, "n_ctx": 128, "n_positions": 128}
        ends = {"bos_token_id": TINY_SIZE - 1, "eos_token_id": TINY_SIZE - 1}
        config |= {**size, **ends, "vocab_size": TINY_SIZE}
    write_json(folder / "config.json", config)
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id")}
    write_json(folder / "generation_config.json", {"_from_model_config": True, **ends})
    write_json(folder / "tokenizer_config.json", {"model_max_length": config["n_positions"]})
    vocabularies.byte_pairs(folder, first=[], last=[END], size=config["vocab_size"])
    vocabularies.fast_byte_pairs(folder, [END])


def _gpt2_masks(prefix: str, layers: int, positions: int) -> dict[str, torch.Tensor]:
    """Return the masks that GPT-2's files hold for every layer, in float32."""
    names = [f"{prefix}h.{number}.attn.bias" for number in range(layers)]
    return {name: torch.ones(1, 1, positions, positions).tril() for name in names}


def _gptj_files(folder: Path, tiny: bool) -> None:
    config, plain = dict(GPTJ), GPT2_SIZE
    if tiny:
        plain = TINY_SIZE
        size = {"n_embd": 32, "n_head": 2, "n_layer": 2, "n_positions": 128, "rotary_dim": 8}
        ends = {"bos_token_id": TINY_SIZE - 1, "eos_token_id": TINY_SIZE - 1}
        config |= {**size, **ends, "vocab_size": TINY_SIZE + GPTJ_SPARE}
    write_json(folder / "config.json", config)
    spare = [f"<|extratoken_{number}|>" for number in range(1, GPTJ_SPARE + 1)]
    vocabularies.byte_pairs(folder, first=[], last=[END], size=plain)
    numbered = {token: plain + number for number, token in enumerate(spare)}
    write_json(folder / "added_tokens.json", numbered)
    write_json(folder / "special_tokens_map.json", dict.fromkeys(_ends(), END))
    settings = {"model_max_length": config["n_positions"], "add_prefix_space": False}
    settings |= {"tokenizer_class": "GPT2Tokenizer", "errors": "replace"}
    write_json(folder / "tokenizer_config.json", {**settings, **dict.fromkeys(_ends(), END)})
    vocabularies.fast_byte_pairs(folder, [END, *spare])


def _ends() -> tuple[str, ...]:
    return "bos_token", "eos_token", "unk_token"


def _gptj_masks(layers: int, positions: int) -> dict[str, torch.Tensor]:
    """Return the masks that GPT-J's file holds for every layer, and what it masks with."""
    mask = torch.ones(1, 1, positions, positions, dtype=torch.bool).tril()
    masks: dict[str, torch.Tensor] = {}
    for number in range(layers):
        name = f"transformer.h.{number}.attn"
        masks |= {f"{name}.bias": mask, f"{name}.masked_bias": torch.tensor(-1e4).half()}
    return masks


def _opt_files(folder: Path, repo: str, tiny: bool) -> None:
    hidden, layers, heads = (32, 2, 2) if tiny else OPT_SIZES[repo]
    config = OPT | {"hidden_size": hidden, "num_hidden_layers": layers, "ffn_dim": 4 * hidden}
    config |= {"num_attention_heads": heads, "word_embed_proj_dim": hidden}
    if repo == "facebook/opt-350m":
        narrow = {"word_embed_proj_dim": hidden // 2, "do_layer_norm_before": False}
        config |= {**narrow, "_remove_final_layer_norm": False}
    if tiny:
        config |= {"vocab_size": TINY_SIZE + 7, "max_position_embeddings": 128}
    write_json(folder / "config.json", config)
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    write_json(folder / "generation_config.json", {"_from_model_config": True, **ends})
    first, last = ["<s>", "<pad>", "</s>", "<unk>"], ["madeupword0000"]
    vocabularies.byte_pairs(folder, first=first, last=last, size=config["vocab_size"] - 7)
    shared = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>"}
    write_json(folder / "special_tokens_map.json", shared | {"pad_token": "<pad>"})
    write_json(
        folder / "tokenizer_config.json",
        shared
        | {"errors": "replace", "add_prefix_space": False, "add_bos_token": True}
        | {"pad_token": "<pad>", "tokenizer_class": "GPT2Tokenizer"},
    )
