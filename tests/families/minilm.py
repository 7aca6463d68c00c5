"""A tiny MiniLM with chance for weights, in the files of its package, and a head for it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from bot.nets.sentiment import Config, Head, layer_weights
from tests.families import hub_files

SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
BELOW = 1
PROBES = ("the film was good", "a bad lazy dog")
MEMBERS = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")


def encoder(folder: Path, seed: int = 4) -> Path:
    """Write a BertModel, with the position ids that old files hold besides."""
    torch.manual_seed(seed)
    size = hub_files.write_word_pieces(folder)
    window = hub_files.WINDOW
    config = BertConfig(
        **SIZE, vocab_size=size, intermediate_size=64, max_position_embeddings=window
    )
    extra = {
        "architecture": "BertModel",
        "embeddings.position_ids": torch.arange(window)[None],
    }
    net = hub_files.loud(BertModel(config))
    hub_files.write_net(folder, net, bin_file=False, renamed={}, extra=extra)
    return folder


def archive(folder: Path, path: Path) -> Path:
    """Put the files of a checkpoint into a zip, with the folder of its pooling, as published."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("1_Pooling/", "")
        file.writestr("1_Pooling/config.json", '{"pooling_mode_mean_tokens": true}')
        for name in MEMBERS:
            file.write(folder / name, name)
    return path


def head(folder: Path, checkpoint: Path) -> Head:
    """Write a head whose layer is the encoder's and whose number is chance; return it."""
    net = Head(Config(below=BELOW, layers=1, width=32, heads=2, inner=64))
    torch.manual_seed(5)
    torch.nn.init.normal_(net.out.weight)
    weights = load_file(checkpoint / "model.safetensors")
    net.layers[0].load_state_dict(layer_weights(weights, BELOW))
    net.half().float().eval()
    encoder = AutoModel.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    with torch.inference_mode():
        told = {
            text: float(
                net(
                    encoder(
                        **tokenizer(text, return_tensors="pt"), output_hidden_states=True
                    ).hidden_states[BELOW]
                )
            )
            for text in PROBES
        }
    settings = {
        "net": asdict(net.config), "slope": 2.0, "uncertain_below": 0.5, "encoder": "tiny",
        "probes": told,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    tensors = {name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    return net
