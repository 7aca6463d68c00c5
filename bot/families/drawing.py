"""Writes the codes of many pictures side by side, guided by their captions, and draws them.

Every picture is written twice, with its caption and without one, and what the caption changes is
exaggerated (superconditioning, after classifier-free guidance: Ho and Salimans, arXiv:2207.12598).
The head is linear, so the two states are mixed before it: the same logits for half the work.

What a picture becomes does not hang on who shares the batch: rows keep their bits (see
:mod:`bot.decoding.linears`), and each picture has luck of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bot.decoding import linears
from bot.decoding.sampling import Chooser, Row, Sampling, choose_all
from bot.nets.dalle_bart import DalleBart
from bot.nets.vqgan import VQGANDecoder

FEWEST_ROWS = 2
"""Libraries multiply a lone row in another order than one among others."""

FINE = 64
"""Positions along the side of a VQGAN's level that is worth hurrying."""

VARIED = 1.0
"""The temperature at least, at which the rest of a variation is drawn: a net that is taken at a
lower one, for it is surer of itself then, would draw the very same again."""

Tell = Callable[[Tensor], None]
"""Takes the codes so far, (N, T), after each that is written to all pictures; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for N pictures.

    Args:
        codes: (N, image_length).
        likeness: How likely the guided net finds each picture: the mean logarithm of its codes'
            probabilities, (N,).
    """

    codes: Tensor
    likeness: Tensor


class CodeWriter:
    """DALL-E mini's net, laid out for writing.

    Args:
        net: Ready to answer; its layers are replaced.
        layout: Whether the decoder's weights may be copied into oneDNN's own layout. The encoder,
            which runs once a picture, leaves them as the file has them.
    """

    def __init__(self, net: DalleBart, layout: linears.Layout) -> None:
        self._config = net.config
        # logits in float32: guidance blows up whatever is rounded away; the start is never chosen
        head = net.head.weight.detach()[: net.config.codes].float()
        linears.relay(net.encoder, "plain")
        linears.relay(net.decoder, layout)
        del net.head
        self._net = net
        self._head = linears.KINDS[layout](head, None)

    def write(
        self,
        captions: Sequence[tuple[int, ...]],
        whose: Sequence[int],
        choosers: Sequence[Chooser],
        guidance: float,
        tell: Tell = lambda _: None,
    ) -> Written:
        """Write the codes of N pictures.

        Args:
            captions: Token ids, the first of them of no caption at all.
            whose: The caption of each picture, by its index.
            choosers: What each picture's codes are chosen by.
            guidance: How much captions count; 1 is what the net says, and costs half.
            tell: Told of every code.
        """
        guided = guidance != 1.0
        rows = [0] * len(whose) * guided + list(whose)
        states, masks = zip(*map(self._read, captions), strict=True)
        memory = self._net.decoder.remember(torch.cat(states), torch.cat(masks), torch.tensor(rows))
        written = torch.full((len(whose), self._config.image_length + 1), self._config.start)
        likeness = torch.zeros(len(whose))
        for place in range(self._config.image_length):
            last = written[:, place].repeat(1 + guided)
            states_now = self._net.decoder.step(last, place, memory)  # (R, C)
            if guided:
                plain, told = states_now.chunk(2)
                states_now = plain + guidance * (told - plain)
            logits = self._logits(states_now)
            for number, code in enumerate(choose_all(choosers, logits)):
                if isinstance(code, Exception):
                    raise code
                written[number, place + 1] = code
            likeness += logits.log_softmax(-1).gather(1, written[:, place + 1, None])[:, 0]
            tell(written[:, 1 : place + 2])
        return Written(written[:, 1:], likeness / self._config.image_length)

    def _read(self, caption: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Encode one caption by itself, so that no other one changes its bits."""
        states, mask = self._net.encode(torch.tensor([caption]))
        return states, mask

    def _logits(self, states: Tensor) -> Tensor:
        copies = FEWEST_ROWS if len(states) == 1 else 1
        logits: Tensor = self._head(states.repeat(copies, 1))
        return logits[: len(states)]


def hold(net: DalleBart, drawer: VQGANDecoder, dtype: torch.dtype) -> None:
    """Hold what takes the time in ``dtype``, all else in float32.

    Of the net, these are its matrices; of the VQGAN, the levels that draw fine squares. Its coarse
    levels are quickly done, and in bfloat16 they would double a picture's error, which is one level
    of 255 in the mean without them.
    """
    for weight in net.parameters():
        weight.data = weight.data.to(dtype if weight.dim() > 1 else torch.float32)
    drawer.float()
    for side, level in zip(drawer.config.sides, drawer.decoder.levels, strict=True):
        if side >= FINE:
            level.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def chooser(sampling: Sampling, seed: int, number: int) -> Chooser:
    """Return what chooses the codes of picture ``number`` of a seed, alone or beside others."""
    text = f"{seed}/{number}".encode()
    # torch's generator looks at 32 bits of a seed only
    own = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")
    return Chooser(Row(ids=(), sampling=replace(sampling, seed=own)))


class Heir(Chooser):
    """Chooses the first codes as another picture's were chosen, the rest by luck of its own.

    Args:
        own: What chooses the rest.
        kept: For each picture that it comes of, how many codes it has from there and from those
            before, and what chose them.
    """

    def __init__(self, own: Chooser, kept: Sequence[tuple[int, Chooser]]) -> None:
        super().__init__(Row(ids=(), sampling=own.sampling))
        self._own = own
        self._kept = tuple(kept)
        self._place = 0

    def choose(self, logits: Tensor) -> int:
        """Return the next code, as whoever it comes from at this place would have it."""
        theirs = (chooser for until, chooser in self._kept if self._place < until)
        whose = next(theirs, self._own)
        self._place += 1
        return whose.choose(logits)


def heir(sampling: Sampling, line: Sequence[tuple[int, int]], square: int) -> Chooser:
    """Return what chooses the codes of a picture, or of a variation of one.

    Args:
        sampling: How those of a picture are chosen that is no variation.
        line: The seed and the number of the first picture that it comes of, of the variations in
            between, and last its own.
        square: Rows and columns of codes.
    """
    first, *others = line
    if not others:
        return chooser(sampling, *first)
    bolder = replace(sampling, temperature=max(sampling.temperature, VARIED))
    choosers = [chooser(sampling, *first), *(chooser(bolder, *each) for each in others)]
    kept = [(square * kept_rows(square, n), one) for n, one in enumerate(choosers[:-1], 1)]
    return Heir(choosers[-1], kept)


def kept_rows(square: int, generation: int) -> int:
    """Return how many rows of codes a variation keeps: half, then of the rest half, and so on."""
    return square - (square >> generation)


def draw(drawer: VQGANDecoder, codes: Tensor) -> Tensor:
    """Return the picture (3, H, W) of codes (T,), which may end with any row of its square."""
    picture: Tensor = drawer(codes.view(1, -1, drawer.config.square))[0]
    return picture
