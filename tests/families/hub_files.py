"""Tiny encoders with chance for weights, in the very files of their hub repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertForPreTraining,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForQuestionAnswering,
)

TEXT = (
    "the a cat dog fox sat ran on in of mat hat house river was is not good bad quick brown lazy "
    "who where when what paris rome seine tiber lies city film story loved hated it and but"
)
WORDS = TEXT.split()
LETTERS = "abcdefghijklmnopqrstuvwxyz.,!?"
WINDOW = 64
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
LOUD = 4.0  # times the usual weights: else every answer is as likely as the next


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def write_word_pieces(folder: Path) -> int:
    """Write vocab.txt and no tokenizer.json; return the number of tokens."""
    pieces = [f"##{letter}" for letter in LETTERS]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *pieces, *WORDS[2:]]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    settings = {"do_lower_case": True, "model_max_length": WINDOW}
    write_json(folder / "tokenizer_config.json", settings)
    return len(tokens)


def write_byte_pairs(folder: Path) -> int:
    """Write vocab.json and merges.txt and no tokenizer.json; return the number of tokens."""
    merges: dict[tuple[str, str], None] = {}
    for word in (form for bare in WORDS for form in (f"Ġ{bare}", bare)):
        for length in range(1, len(word)):
            merges[word[:length], word[length]] = None
    alphabet = sorted(ByteLevel.alphabet())
    grown = dict.fromkeys(a + b for a, b in merges)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *alphabet, *grown, "<mask>"]
    write_json(folder / "vocab.json", {token: number for number, token in enumerate(tokens)})
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"model_max_length": WINDOW})
    return len(tokens)


def write_net(
    folder: Path, net: Any, *, bin_file: bool, renamed: dict[str, str], extra: dict[str, Any]
) -> None:
    """Write config.json and the weights under their old names, with what old files hold besides."""
    config = {**net.config.to_dict(), "architectures": [extra.pop("architecture")]}
    write_json(folder / "config.json", {k: v for k, v in config.items() if k != "dtype"})
    weights: dict[str, torch.Tensor] = {**extra}
    for name, weight in net.state_dict().items():
        for new, old in renamed.items():
            name = name.replace(new, old)
        weights[name] = weight.clone()
    if bin_file:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def loud(net: Any) -> Any:
    """Make chance speak up, the biases too."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(LOUD).add_(torch.randn_like(weight) * 0.02)
    return net.eval()


def bert(folder: Path, *, bin_file: bool = False) -> Path:
    """google-bert/bert-base-uncased: gamma and beta, a pooler, the head for the next sentence."""
    torch.manual_seed(0)
    size = write_word_pieces(folder)
    config = BertConfig(
        **SIZE, vocab_size=size, intermediate_size=64, max_position_embeddings=WINDOW
    )
    net = loud(BertForPreTraining(config))
    renamed = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    extra = {"architecture": "BertForMaskedLM"}
    write_net(folder, net, bin_file=bin_file, renamed=renamed, extra=extra)
    return folder


def roberta(folder: Path, *, bin_file: bool = True) -> Path:
    """FacebookAI/roberta-base: byte pairs, positions from 2, position ids in the file."""
    torch.manual_seed(1)
    net = loud(RobertaForMaskedLM(_roberta_config(folder)))
    extra = {"architecture": "RobertaForMaskedLM", **_position_ids()}
    write_net(folder, net, bin_file=bin_file, renamed={}, extra=extra)
    return folder


def squad(folder: Path, *, bin_file: bool = False) -> Path:
    """deepset/roberta-base-squad2."""
    torch.manual_seed(2)
    net = loud(RobertaForQuestionAnswering(_roberta_config(folder)))
    extra = {"architecture": "RobertaForQuestionAnswering", **_position_ids()}
    write_net(folder, net, bin_file=bin_file, renamed={}, extra=extra)
    return folder


def sst2(folder: Path, *, bin_file: bool = False, **options: Any) -> Path:
    """distilbert/distilbert-base-uncased-finetuned-sst-2-english."""
    torch.manual_seed(3)
    labels = {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}}
    config = DistilBertConfig(
        vocab_size=write_word_pieces(folder), dim=32, n_layers=2, n_heads=2, hidden_dim=64,
        max_position_embeddings=WINDOW, **{**labels, **options},
    )  # fmt: skip
    net = loud(DistilBertForSequenceClassification(config))
    extra = {"architecture": "DistilBertForSequenceClassification"}
    write_net(folder, net, bin_file=bin_file, renamed={}, extra=extra)
    return folder


def _roberta_config(folder: Path) -> RobertaConfig:
    return RobertaConfig(
        **SIZE, vocab_size=write_byte_pairs(folder), intermediate_size=64, type_vocab_size=1,
        max_position_embeddings=WINDOW + 2,
    )  # fmt: skip


def _position_ids() -> dict[str, torch.Tensor]:
    return {"roberta.embeddings.position_ids": torch.arange(WINDOW + 2)[None]}
