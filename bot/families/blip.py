"""BLIP: says in a sentence what a picture shows.

Source: transformers' ``BlipForConditionalGeneration``, its vision model and its text decoder seen
as an encoder-decoder of pictures, which is what the decoding engine knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    GenerationConfig,
    VisionEncoderDecoderConfig,
)

from bot.decoding.serving import Serving, open_engine
from bot.errors import OperatorError
from bot.families import checkpoints
from bot.families.captions import Captioner
from bot.families.generation import positions_of
from bot.families.vocabularies import load_tokenizer, writer_of

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

CHANNELS = 3

UNSAID_ROOM = 512
"""Positions of a decoder that knows none."""


def load(model: Model, folder: Path) -> Captioner:
    """Load a checkpoint in its serving dtype; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights that the architecture needs, or its entry asks for a
            search, which this net is not wired for.
    """
    if model.defaults.beams > 1:
        raise OperatorError(f"{model.id}: family blip writes greedily. Write defaults.beams = 1.")
    dtype = Serving.from_environ().torch_dtype(model)
    net = checkpoints.load_net(BlipForConditionalGeneration, model, folder, dtype)
    size, text = checkpoints.size_bytes(net), net.config.text_config
    engine = open_engine(
        _Pair(net),
        writer_of(load_tokenizer(folder)),
        frozenset({int(text.sep_token_id)}),
        model.slots,
    )
    return Captioner(
        model,
        engine,
        BlipImageProcessorPil.from_pretrained(folder, **checkpoints.AS_IT_LIES),
        settings={},
        start=int(text.bos_token_id),
        room=positions_of(text, UNSAID_ROOM),
        size_bytes=size,
    )


class _Pair(torch.nn.Module):
    """BLIP under the names that a ``VisionEncoderDecoderModel`` has for its parts.

    Pixels (N, 3, H, W) -> ``encoder`` -> (N, patches + 1, D), which ``decoder`` attends to.
    """

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.encoder = net.vision_model
        self.decoder = net.text_decoder
        self.config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
            net.config.vision_config, net.config.text_config
        )
        self.config.encoder.num_channels = CHANNELS  # which not every file says
        self.generation_config = GenerationConfig()
        self.dtype = net.dtype
        for layer in self.decoder.bert.encoder.layer:
            layer.crossattention = _Masked(layer.crossattention)


class _Masked(torch.nn.Module):
    """A cross attention of BLIP that heeds its mask: transformers 5.23 drops it on the way.

    Without one, a row of a batch would attend to columns in which there is nothing.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.self = attention.self
        self.output = attention.output

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **seen: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend from hidden states (N, T, D) to a source (N, S, E) by a mask (N, 1, T, S)."""
        context, weights = self.self(hidden_states, encoder_attention_mask=attention_mask, **seen)
        return self.output(context, hidden_states), weights
