"""Small random decoders in the file layout of their hub repositories, old names and all.

openai-community/gpt2 (keys without their first part, masks among the weights), distilgpt2,
EleutherAI/gpt-j-6b (a .bin in half precision with masks), facebook/opt-* (a .bin in half precision
whose keys lack a part, no tokenizer.json): opt-350m normalises behind its layers and projects.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from tests.families.repositories import CORPUS, SHARP, write

WINDOW = 96
END = "<|endoftext|>"
SMALL = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": WINDOW, "initializer_range": SHARP}


def byte_pairs(folder: Path, first: tuple[str, ...] = ()) -> tuple[Tokenizer, int]:
    """Write vocab.json and merges.txt of a byte-level vocabulary; the last token is the end."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=list(first),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS, trainer)
    if not first:
        tokenizer.add_special_tokens([END])
    tokenizer.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    if not first:
        write(folder / "vocab.json", vocabulary | {END: len(vocabulary)})
    return tokenizer, len(vocabulary) + (not first)


def state_of(net: Any) -> dict[str, torch.Tensor]:
    """Return a net's weights, but for the head that is the embeddings."""
    tied = net.config.tie_word_embeddings
    return {
        name: weight.clone()
        for name, weight in net.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def gpt2(folder: Path) -> Path:
    tokenizer, size = byte_pairs(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", {"model_max_length": 1024})
    torch.manual_seed(10)
    net = GPT2LMHeadModel(
        GPT2Config(**SMALL, vocab_size=size, bos_token_id=size - 1, eos_token_id=size - 1)
    )
    params = {"text-generation": {"do_sample": True, "max_length": 50}}
    settings = net.config.to_dict() | {"architectures": ["GPT2LMHeadModel"]}
    write(folder / "config.json", settings | {"task_specific_params": params, "n_ctx": WINDOW})
    write(
        folder / "generation_config.json",
        {"bos_token_id": size - 1, "eos_token_id": size - 1, "_from_model_config": True},
    )
    weights = {name.removeprefix("transformer."): weight for name, weight in state_of(net).items()}
    mask = torch.ones(WINDOW, WINDOW).tril()[None, None]
    weights |= {f"h.{layer}.attn.bias": mask.clone() for layer in range(2)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def gptj(folder: Path) -> Path:
    tokenizer, size = byte_pairs(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", {"model_max_length": 2048, "errors": "replace"})
    extra = 7  # names without a meaning fill the vocabulary up, as there
    torch.manual_seed(11)
    net = GPTJForCausalLM(
        GPTJConfig(
            **SMALL, rotary_dim=8, vocab_size=size + extra, tie_word_embeddings=False,
            bos_token_id=size - 1, eos_token_id=size - 1,
        )
    )  # fmt: skip
    settings = net.config.to_dict() | {"architectures": ["GPTJForCausalLM"]}
    write(folder / "config.json", settings | {"tokenizer_class": "GPT2Tokenizer"})
    state = {name: weight.half() for name, weight in state_of(net).items()}
    mask = torch.ones(WINDOW, WINDOW, dtype=torch.bool).tril()[None, None]
    for layer in range(2):
        state[f"transformer.h.{layer}.attn.bias"] = mask.clone()
        state[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e9)
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def opt(folder: Path, **options: Any) -> Path:
    _, size = byte_pairs(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    special = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    write(folder / "special_tokens_map.json", special)
    write(
        folder / "tokenizer_config.json",
        special | {"add_bos_token": True, "add_prefix_space": False, "errors": "replace"}
        | {"tokenizer_class": "GPT2Tokenizer"},
    )  # fmt: skip
    torch.manual_seed(12)
    net = OPTForCausalLM(
        OPTConfig(**{
            "vocab_size": size, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "max_position_embeddings": WINDOW, "init_std": SHARP,
            "word_embed_proj_dim": 32, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 2,
        } | options)
    )  # fmt: skip
    settings = net.config.to_dict() | {"architectures": ["OPTForCausalLM"], "dtype": "float16"}
    write(folder / "config.json", settings)
    ends = {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "_from_model_config": True}
    write(folder / "generation_config.json", ends)
    state = {name.removeprefix("model."): w.half() for name, w in state_of(net).items()}
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def opt_350m(folder: Path) -> Path:
    return opt(folder, word_embed_proj_dim=16, do_layer_norm_before=False)
