"""Decoder-only language models: GPT-2, GPT-J, OPT, Llama and kin, with or without a chat template.

Source: transformers' ``AutoModelForCausalLM`` and ``AutoTokenizer``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.decoding.engine import Engine, Finish
from bot.decoding.sampling import Row, Sampling
from bot.decoding.solo import SoloRuntime
from bot.errors import OperatorError, UserError
from bot.families.base import GeneratingFamily
from bot.tasks.text_to_text import AnswerQuestion, CompleteText, TextResult

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

WINDOW_NAMES = ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len")
UNNAMED_WINDOW = 2048  # of nets that know no positions, such as BLOOM


def load(model: Model, folder: Path) -> CausalLM:
    """Load a checkpoint in its serving dtype, memory-mapped where the files allow it.

    Raises:
        OperatorError: The files lack weights that the architecture needs.
    """
    net, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, model.dtype), local_files_only=True, output_loading_info=True
    )
    wrong = [*info["missing_keys"], *info["mismatched_keys"]]
    if wrong:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} lacks {len(wrong)} weights, the first of "
            f"them {wrong[0]}. Fetch it again: python -m bot models fetch {model.id}"
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return CausalLM(model, net.eval(), tokenizer)


class CausalLM(GeneratingFamily):
    """Continues texts, and answers questions where the model has been taught to."""

    def __init__(self, model: Model, net: Any, tokenizer: Any) -> None:
        self._model = model
        self._net = net
        self._tokenizer = tokenizer
        self._window = _window(net.config)
        self.engine = Engine(
            SoloRuntime(net), tokenizer.backend_tokenizer, _end_ids(net, tokenizer), model.slots
        )

    def row(self, request: CompleteText | AnswerQuestion, seed: int) -> Row:
        """Turn a request into a row; refuse a prompt that leaves no room for an answer."""
        ids = self._ids(request)
        sampling = self._sampling(request, seed)
        room = self._window - sampling.max_new_tokens
        limit = min(room, self._model.limits.max_input_tokens or room)
        if len(ids) > limit:
            raise UserError(
                f"This text is {len(ids)} tokens long; {self._model.title} reads at most {limit} "
                f"(a token is about four letters). Shorten it and ask again."
            )
        return Row(ids=tuple(ids), sampling=sampling, stop=self._model.defaults.stop)

    def shown(self, request: CompleteText | AnswerQuestion, text: str) -> str:
        """Return a completion with its prompt in front, an answer by itself."""
        return request.prompt + text if isinstance(request, CompleteText) else text.lstrip()

    def result(self, request: CompleteText | AnswerQuestion, finish: Finish) -> TextResult:
        """Return the whole text: a completion with its prompt in front, an answer by itself."""
        text = self.shown(request, finish.text)
        return TextResult(text=text, tokens=finish.tokens, stopped_by=finish.stopped_by)

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return sum(p.numel() * p.element_size() for p in self._net.parameters())

    def _ids(self, request: CompleteText | AnswerQuestion) -> list[int]:
        if isinstance(request, CompleteText):
            return list(self._tokenizer(request.prompt)["input_ids"])
        prompt = self._model.prompt
        question = request.question
        if request.context:
            question = prompt.context.format(context=request.context, question=question)
        if not prompt.chat:
            return list(self._tokenizer(f"{question}\n")["input_ids"])
        system = [{"role": "system", "content": prompt.system}] if prompt.system else []
        turns = [*system, {"role": "user", "content": question}]
        chat = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        return list(chat["input_ids"])

    def _sampling(self, request: CompleteText | AnswerQuestion, seed: int) -> Sampling:
        defaults = self._model.defaults
        limit = self._model.limits.max_new_tokens
        chosen = Sampling(
            max_new_tokens=min(defaults.max_new_tokens, limit),
            temperature=defaults.temperature,
            top_k=defaults.top_k,
            top_p=defaults.top_p,
            repetition_penalty=defaults.repetition_penalty,
            seed=seed,
        )
        if isinstance(request, CompleteText):
            tokens, heat = request.max_tokens, request.temperature
            return replace(
                chosen,
                max_new_tokens=chosen.max_new_tokens if tokens is None else min(tokens, limit),
                temperature=chosen.temperature if heat is None else heat,
            )
        if request.context:  # an answer quotes its context: chance and penalties lead away from it
            return replace(chosen, temperature=0.0, repetition_penalty=1.0)
        return replace(chosen, repetition_penalty=1.0)


def _window(config: Any) -> int:
    """Return how many positions the net has, prompt and answer together."""
    named = (getattr(config, name, None) for name in WINDOW_NAMES)
    return next((int(positions) for positions in named if positions), UNNAMED_WINDOW)


def _end_ids(net: Any, tokenizer: Any) -> frozenset[int]:
    """Return every id that ends a text, by the checkpoint's generation config and tokenizer."""
    named = net.generation_config.eos_token_id
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)
