"""How a transformers net is called to decode: one small surface over three kinds of signature.

Decoder-only nets (GPT-2 and kin), encoder-decoders of text (BART, M2M100, T5) and of pictures
(``VisionEncoderDecoderModel``) differ in what their ``forward`` takes; runtimes need not know.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers import Cache, DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

WINDOW_NAMES = ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len")
UNNAMED_WINDOW = 2048  # of nets that know no positions, such as BLOOM


def window_of(config: Any) -> int:
    """Return how many positions a net has, prompt and answer together."""
    named = (getattr(config, name, None) for name in WINDOW_NAMES)
    return next((int(positions) for positions in named if positions), UNNAMED_WINDOW)


class Wiring:
    """A net, seen as an encoder (perhaps) and a decoder with a cache.

    Args:
        net: A causal language model, a text encoder-decoder, or a ``VisionEncoderDecoderModel``.
    """

    def __init__(self, net: Any) -> None:
        self.net = net
        self.has_encoder = bool(net.config.is_encoder_decoder)
        self.reads_pictures = net.config.model_type == "vision-encoder-decoder"
        self.decoder_config = net.config.get_text_config(decoder=True)
        self._decode = net.decoder if self.reads_pictures else net
        known = inspect.signature(self._decode.forward).parameters
        self.takes_positions = "position_ids" in known
        _cast_sinusoids(self._decode)
        self._fewer_logits = {"logits_to_keep": 1} if "logits_to_keep" in known else {}

    @property
    def layers(self) -> int:
        """How many layers decode; T5's configuration calls by another name those of its encoder."""
        config = self.decoder_config
        own = getattr(config, "num_decoder_layers", None) if self.has_encoder else None
        return int(own or config.num_hidden_layers)

    def is_plain(self) -> bool:
        """Say whether each layer keeps one key and one value per token, and all of them."""
        kept = DynamicCache(config=self.decoder_config).layers
        return all(type(layer) is DynamicLayer for layer in kept)

    def new_cache(self) -> Cache:
        """Return an empty cache of transformers' own kind, for one row or a static batch."""
        config = None if self.is_plain() else self.decoder_config
        own = DynamicCache(config=config)  # without one, it takes as many layers as there are
        return EncoderDecoderCache(own, DynamicCache()) if self.has_encoder else own

    def encode(self, source: Any) -> torch.Tensor:
        """Return what the encoder makes of a source, (1, S, D).

        Args:
            source: Token ids, a sequence of length S; or pixels, float of shape (C, H, W).
        """
        if self.reads_pictures:
            hidden = self.net.encoder(pixel_values=source[None].to(self.net.dtype))[0]
            project = getattr(self.net, "enc_to_dec_proj", None)
            return hidden if project is None else project(hidden)  # type: ignore[no-any-return]
        ids = torch.tensor([list(source)])
        encoder = self.net.get_encoder()
        return encoder(input_ids=ids, attention_mask=torch.ones_like(ids))[0]  # type: ignore[no-any-return]

    def forward(
        self,
        ids: torch.Tensor,
        cache: Cache,
        *,
        mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        encoded: torch.Tensor | None = None,
        encoded_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Read ids after what the cache holds; return the last position's logits, (N, V).

        Args:
            ids: Token ids, (N, T).
            cache: What the rows hold; it is added to.
            mask: Which cached and new columns count, (N, W), 1 or 0; all where ``None``.
            positions: The place of each id in its row, (N, T); from the cache where ``None``.
            encoded: What the encoder made of the sources, (N, S, D); only its shape matters once
                the cache holds the keys and values of the cross attention.
            encoded_mask: Which of the S count, (N, S); all where ``None``.
        """
        extra = {} if positions is None else {"position_ids": positions}
        if self.has_encoder and not self.reads_pictures:
            out = self.net(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
                attention_mask=encoded_mask,
                decoder_input_ids=ids,
                decoder_attention_mask=mask,
                past_key_values=cache,
                use_cache=True,
            )
        elif self.reads_pictures:
            out = self._decode(
                input_ids=ids,
                attention_mask=mask,
                encoder_hidden_states=encoded,
                encoder_attention_mask=encoded_mask,
                past_key_values=cache,
                use_cache=True,
                **extra,
            )
        else:
            out = self._decode(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                use_cache=True,
                **extra,
                **self._fewer_logits,
            )
        return out.logits[:, -1].float()  # type: ignore[no-any-return]

    def decoder(self) -> Any:
        """Return the module that decodes, the one whose layers have the caches."""
        return self._decode if self.reads_pictures else self.net.get_decoder()


def _cast_sinusoids(decoder: Any) -> None:
    """Cast TrOCR's sinusoids to the net's dtype: a plain tensor, which ``.to`` passes over."""
    for module in decoder.modules():
        table = module.__dict__.get("weights")
        if isinstance(table, torch.Tensor):
            module.weights = table.to(decoder.dtype)
