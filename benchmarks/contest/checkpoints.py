"""Full-size checkpoints with random weights, and their tokenizers; written once into a folder.

Run as ``python -m contest.checkpoints NAME FOLDER``, so that whoever wants one need not import
torch. Speed does not depend on what weights mean; that texts are not all one token, and that
nothing ends before its time, is seen to here.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
)

from bot.catalogue.synthetic.words import made_up_words

from .tokenizers_offline import (
    END,
    byte_level,
    plain_ids,
    roberta,
    save_fast,
    write_m2m100_files,
)

WORDS = 60_000
LANGUAGES = 108  # M2M100's last ids: a hundred languages and eight that mean nothing
DONE = "complete"  # a file written last


def write_gpt2(folder: Path) -> None:
    """Write GPT-2 as it was published (124M parameters, fp32), with random weights."""
    config = GPT2Config()
    tokenizer = byte_level(config.vocab_size, made_up_words(WORDS))
    torch.manual_seed(0)
    net = GPT2LMHeadModel(config)
    liven(net)
    never_choose(net, [number for number, plain in enumerate(plain_ids(tokenizer)) if not plain])
    net.save_pretrained(folder)
    save_fast(
        tokenizer,
        folder,
        "GPT2TokenizerFast",
        model_max_length=config.n_positions,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        add_prefix_space=False,
    )


def write_bart(folder: Path) -> None:
    """Write BART large as published for CNN's news (406M parameters), greedy by default."""
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    config = BartConfig(
        vocab_size=50_264, forced_bos_token_id=0, forced_eos_token_id=2, num_labels=3, **ends
    )
    tokenizer = roberta(config.vocab_size, made_up_words(WORDS))
    torch.manual_seed(0)
    net = BartForConditionalGeneration(config)
    _write_seq2seq(net, plain_ids(tokenizer), folder, **ends, forced_bos_token_id=0)
    save_fast(
        tokenizer,
        folder,
        "RobertaTokenizer",
        model_max_length=config.max_position_embeddings,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        sep_token="</s>",
        mask_token="<mask>",
    )


def write_m2m100(folder: Path) -> None:
    """Write M2M100 with 418M parameters as published, greedy by default."""
    config = M2M100Config()
    pieces = write_m2m100_files(folder, config.vocab_size - LANGUAGES, made_up_words(WORDS))
    torch.manual_seed(0)
    net = M2M100ForConditionalGeneration(config)
    plain = [number >= 4 for number in range(pieces)] + [False] * LANGUAGES
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    _write_seq2seq(net, plain, folder, **ends)
    files = {"vocab_file": folder / "vocab.json", "spm_file": folder / "sentencepiece.bpe.model"}
    tokenizer = M2M100Tokenizer(**{name: str(file) for name, file in files.items()})
    tokenizer.save_pretrained(folder)


def _write_seq2seq(net: Any, plain: list[bool], folder: Path, **settings: int) -> None:
    liven(net)
    never_choose(net, [number for number, is_plain in enumerate(plain) if not is_plain])
    net.generation_config = GenerationConfig(num_beams=1, do_sample=False, **settings)
    net.save_pretrained(folder)


def liven(net: Any, scale: float = 4.0) -> None:
    """Scale a fresh net's layers up, so that what it writes depends on what it has read.

    As initialised, the embedding of the last token outshouts all layers, and the net repeats it.
    """
    with torch.no_grad():
        for name, weights in net.named_parameters():
            if weights.dim() == 2 and not any(part in name for part in ("wte", "embed", "shared")):
                weights.mul_(scale)


def never_choose(net: Any, ids: list[int]) -> None:
    """Give ids, the end of text among them, a logit of 0: never the highest of thousands."""
    with torch.no_grad():
        net.get_output_embeddings().weight[ids] = 0.0


WRITERS = {"gpt2": write_gpt2, "bart": write_bart, "m2m100": write_m2m100}


def main(name: str, folder: Path) -> None:
    """Write a checkpoint, unless it is there."""
    if (folder / DONE).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    WRITERS[name](folder)
    (folder / DONE).touch()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
