"""SmolLM2, Qwen2.5 and Qwen3, file by file as their repositories have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bot.catalogue.synthetic import vocabularies, weights
from bot.catalogue.synthetic.vocabularies import write_json

START, STOP, END = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SMOL_FIRST = (
    END, START, STOP, "<repo_name>", "<reponame>", "<file_sep>", "<filename>", "<gh_stars>",
    "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>",
    "<jupyter_code>", "<jupyter_output>", "<jupyter_script>", "<empty_output>",
)  # fmt: skip
QWEN_PLAIN = 151_643  # ids before the special ones
TINY_PLAIN = 600
COMMON: dict[str, Any] = {
    "attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_cache": True,
}  # fmt: skip
LLAMA = COMMON | {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "bos_token_id": 1,
    "eos_token_id": 2, "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
    "model_type": "llama", "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100_000, "vocab_size": 49_152,
}  # fmt: skip
QWEN2 = COMMON | {
    "architectures": ["Qwen2ForCausalLM"], "bos_token_id": QWEN_PLAIN,
    "eos_token_id": QWEN_PLAIN + 2, "max_position_embeddings": 32_768, "model_type": "qwen2",
    "rms_norm_eps": 1e-06, "rope_theta": 1_000_000.0, "use_sliding_window": False,
    "vocab_size": 151_936,
}  # fmt: skip
QWEN3 = QWEN2 | {
    "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "head_dim": 128,
    "max_position_embeddings": 40_960, "model_type": "qwen3",
}  # fmt: skip
SIZES = {  # hidden_size, intermediate_size, num_hidden_layers, heads, heads of keys and values
    "HuggingFaceTB/SmolLM2-360M-Instruct": (LLAMA, 960, 2_560, 32, 15, 5),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": (LLAMA, 2_048, 8_192, 24, 32, 32),
    "Qwen/Qwen2.5-0.5B-Instruct": (QWEN2, 896, 4_864, 24, 14, 2),
    "Qwen/Qwen2.5-1.5B-Instruct": (QWEN2, 1_536, 8_960, 28, 12, 2),
    "Qwen/Qwen3-0.6B": (QWEN3, 1_024, 3_072, 28, 16, 8),
}
TINY = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write(folder: Path, *, repo: str, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository; ``tiny`` ones are of two small layers."""
    write_files(folder, repo, tiny)
    weights.write(folder, layout(repo, tiny), seed)


def write_files(folder: Path, repo: str, tiny: bool = False) -> None:
    """Write all but the weights."""
    config = _config(repo, tiny)
    write_json(folder / "config.json", config)
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id")}
    write_json(folder / "generation_config.json", {"_from_model_config": True, **ends})
    window = config["max_position_embeddings"]
    said: dict[str, Any] = {"chat_template": CHATML, "eos_token": STOP, "model_max_length": window}
    if config["model_type"] == "llama":
        vocabularies.byte_pairs(folder, first=SMOL_FIRST, last=[], size=config["vocab_size"])
        vocabularies.fast_byte_pairs(folder, SMOL_FIRST)
        said |= {"bos_token": START, "pad_token": STOP, "tokenizer_class": "GPT2Tokenizer"}
        write_json(folder / "special_tokens_map.json", {"eos_token": STOP, "bos_token": START})
    else:
        plain = TINY_PLAIN if tiny else QWEN_PLAIN
        vocabularies.byte_pairs(folder, first=[], last=[], size=plain)
        vocabularies.fast_byte_pairs(folder, (END, START, STOP))
        said |= {"bos_token": None, "pad_token": END, "tokenizer_class": "Qwen2Tokenizer"}
    write_json(folder / "tokenizer_config.json", said)


def layout(repo: str, tiny: bool = False) -> weights.Layout:
    """Return how a repository holds its weights."""
    config = _config(repo, tiny)
    is_llama = config["model_type"] == "llama"
    first = config["bos_token_id"]
    silent = range(len(SMOL_FIRST)) if is_llama else range(first, config["vocab_size"])
    # Qwen3's file has the head as well, though it is the table of embeddings
    head = {"lm_head.weight": "model.embed_tokens.weight"}
    return weights.Layout(
        file="model.safetensors",
        architecture=config["architectures"][0],
        dtype=torch.bfloat16,
        same=head if config["model_type"] == "qwen3" else {},
        silent=tuple(silent),
    )


def _config(repo: str, tiny: bool) -> dict[str, Any]:
    base, hidden, inner, layers, heads, kept = SIZES[repo]
    config = base | {
        "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": kept,
    }  # fmt: skip
    if not tiny:
        return config
    small = TINY | {"vocab_size": TINY_PLAIN + 40}
    if base is not LLAMA:
        small |= {"bos_token_id": TINY_PLAIN, "eos_token_id": TINY_PLAIN + 2}
    return config | small | ({"head_dim": 8} if base is QWEN3 else {})
