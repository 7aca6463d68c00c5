"""Teaches a small DALL-E mini to draw emoji from captions: the very nets that the family serves.

First ``python -m bot.training.patches`` finds codes for pictures, ``python -m bot.training.vqgan``
teaches a net to draw them, and this one to write them. A tenth of the pictures come without a
caption, which is what guidance compares with; a hundred pairs of a colour and a thing are never
shown, for the test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F

from bot.families.dalle_mini import TAUGHT, words_of
from bot.families.prompts import Words, normalise
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.training import loop
from bot.training.emoji_art import Drawing, cached, read
from bot.training.emoji_scenes import COLOURS, SHARES, UNSAID, Scenes, chance, plural, things
from bot.training.patches import Eyes
from bot.training.vqgan import CONFIG as VQGAN
from bot.training.vqgan import FILE as DRAWER

TOKENS = 3072
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
CONFIG = DalleBartConfig(
    tokens=TOKENS, codes=VQGAN.codes, caption_length=24, image_length=VQGAN.square**2, width=256,
    encoder_layers=3, encoder_heads=4, encoder_inner=512,
    decoder_layers=4, decoder_heads=4, decoder_inner=512,
)  # fmt: skip
BATCH = 32
STEPS = 11_000  # two hours on one core
LEARNING_RATE = 1.0e-3
HELD = 100
CAPTIONS = 40_000  # of which the tokenizer learns how words are cut
SAMPLED = 3000  # captions that show the words between things
HARMLESS = (
    "an any at by for from had has have her his i in is it its my of or our please some that the "
    "their there these this those to was were which your draw picture image photo drawing emoji"
)  # words that change nothing of a picture, known or not
NOWHERE = Path("nowhere")  # hashtags of these captions need no list of words


@dataclass(frozen=True, slots=True)
class Examples:
    """Captions (B, S) as token ids, and their pictures as codes (B, T)."""

    ids: Tensor
    codes: Tensor


def held_pairs(drawings: Sequence[Drawing], seed: int = 0) -> list[tuple[str, str]]:
    """Return the pairs (thing, colour) that no training sees: short names of common things."""
    luck = torch.Generator().manual_seed(seed)
    names = [name for name in things(drawings) if " " not in name]
    order = torch.randperm(len(names), generator=luck)[:HELD].tolist()
    colours = tuple(COLOURS)
    picks = torch.randint(len(colours), (HELD,), generator=luck).tolist()[: len(order)]
    return [(names[n], colours[c]) for n, c in zip(order, picks, strict=True)]


def new_tokenizer(scenes: Scenes, seed: int) -> Tokenizer:
    """Return a byte-level tokenizer that knows the words of the captions."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    luck = torch.Generator().manual_seed(seed)
    captions: Iterator[str] = (
        normalise(scenes.scene(luck).caption, Words(NOWHERE)) for _ in range(CAPTIONS)
    )
    tokenizer.train_from_iterator(captions, trainer)
    return tokenizer


class Captions(loop.Lesson[Examples]):
    """What it is taught: to write a scene's codes when told its caption."""

    def __init__(self, net: DalleBart, eyes: Eyes, scenes: Scenes, tokenizer: Tokenizer) -> None:
        self.net = net
        self._eyes = eyes
        self._scenes = scenes
        self._tokenizer = tokenizer
        luck = torch.Generator().manual_seed(2)
        self._tested = [self.batch(luck) for _ in range(8)]

    def batch(self, luck: torch.Generator) -> Examples:
        """Return BATCH captioned scenes."""
        scenes = [self._scenes.scene(luck) for _ in range(BATCH)]
        said = ["" if chance(luck) < UNSAID else scene.caption for scene in scenes]
        pictures = torch.stack([scene.picture for scene in scenes])
        ids = torch.tensor([self._ids(text) for text in said])
        return Examples(ids, self._eyes.codes(pictures))

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean surprise of a code, in nats."""
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.net(batch.ids, batch.codes)
        return F.cross_entropy(logits.float().flatten(0, 1), batch.codes.flatten())

    def evaluate(self) -> loop.Figures:
        """Return the surprise and the share of codes that are likeliest, told those before."""
        losses, right = [], []
        for batch in self._tested:
            logits = self.net(batch.ids, batch.codes)
            losses.append(F.cross_entropy(logits.flatten(0, 1), batch.codes.flatten()))
            right.append((logits.argmax(-1) == batch.codes).float().mean())
        return {
            "nats_per_code": round(torch.stack(losses).mean().item(), 4),
            "codes_right": round(torch.stack(right).mean().item(), 4),
        }

    def _ids(self, caption: str) -> list[int]:
        text = normalise(caption, Words(NOWHERE)) if caption else ""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        bare = [0, *ids[: CONFIG.caption_length - 2], 2]
        return bare + [CONFIG.padding] * (CONFIG.caption_length - len(bare))


def train(
    folder: Path,
    data: Path,
    seed: int = 0,
    steps: int = STEPS,
    more: bool = False,
    shares: Mapping[str, float] | None = None,
) -> loop.Figures:
    """Teach the net; leave the checkpoint that :mod:`bot.families.dalle_mini` reads in ``folder``.

    Args:
        folder: Where the patches and the drawer lie (the latter by the end of this), the
            checkpoint is left, and a training that was stopped goes on.
        data: Where the art lies, or is fetched to.
        seed: Decides everything that chance decides.
        steps: Batches to learn from.
        more: Whether to go on from the checkpoint in ``folder``, and with its tokenizer: another
            round, from a high learning rate down again.
        shares: How many of the scenes are of what kind, where that is not as it comes.
    """
    drawings = read(data)
    scenes = Scenes(drawings, held_pairs(drawings), shares)
    torch.manual_seed(seed)
    net = DalleBart(CONFIG)
    if more:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        _go_on(net, folder)
    else:
        tokenizer = new_tokenizer(scenes, seed)
        _begin(net)
    plan = loop.Plan(
        steps=steps, learning_rate=LEARNING_RATE, weight_decay=0.02, seed=seed,
        evaluate_every=max(1, steps // 16), data="noto",
    )  # fmt: skip
    figures = loop.train(Captions(net, Eyes.read(folder), scenes, tokenizer), plan, folder / "net")
    save(net, tokenizer, folder)
    lines = "".join(f"{word}\n" for word in taught_words(drawings, scenes))
    (folder / TAUGHT).write_text(lines, encoding="utf-8")
    return figures


def _begin(net: DalleBart) -> None:
    """Draw first weights as BART's are drawn, narrow ones."""
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


def _go_on(net: DalleBart, folder: Path) -> None:
    """Take the weights of the last round."""
    state = load_file(folder / "model.safetensors")
    ours = {k.removeprefix("net."): v.float() for k, v in state.items() if k.startswith("net.")}
    net.load_state_dict(ours)


def taught_words(drawings: Sequence[Drawing], scenes: Scenes) -> list[str]:
    """Return the words of all captions that there are, sorted: others mean nothing to the net."""
    luck = torch.Generator().manual_seed(0)
    said = [text for each in drawings for text in (*each.names, *each.keywords)]
    said += [text for name in things(drawings) for text in (name, plural(name))]
    said += [scenes.scene(luck).caption for _ in range(SAMPLED)]
    said += [*HARMLESS.split(), *COLOURS]
    return sorted({word for text in said for word in words_of(normalise(text, Words(NOWHERE)))})


def _drawer(folder: Path) -> dict[str, Tensor]:
    """Return the weights of what draws: as trained just now, or as in the last checkpoint."""
    if (folder / DRAWER).exists():
        return load_file(folder / DRAWER)
    state = load_file(folder / "model.safetensors")
    return {k.removeprefix("vqgan."): v for k, v in state.items() if k.startswith("vqgan.")}


def save(net: DalleBart, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint in float16: the net, the one that draws, sizes, tokenizer."""
    state = {f"net.{name}": weight for name, weight in net.state_dict().items()}
    state |= {f"vqgan.{name}": weight for name, weight in _drawer(folder).items()}
    halves = {name: weight.half().contiguous() for name, weight in state.items()}
    save_file(halves, folder / "model.safetensors")
    sizes = {"net": asdict(net.config), "vqgan": asdict(VQGAN)}
    (folder / "config.json").write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line, train, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bot.training.dalle_mini", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("emoji"), help="where patches left theirs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--more", action="store_true", help="go on from the checkpoint in --out")
    for kind in SHARES:
        parser.add_argument(f"--{kind}", type=float, metavar="SHARE", help="of such scenes")
    options = parser.parse_args()
    shares = {kind: share for kind in SHARES if (share := getattr(options, kind)) is not None}
    figures = train(options.out, cached(), options.seed, options.steps, options.more, shares)
    loop.finish(figures)


if __name__ == "__main__":
    main()
