"""Decoder-only language models: GPT-2, GPT-J, OPT, Llama and kin, with or without a chat template.

Source: transformers' ``AutoModelForCausalLM`` and ``AutoTokenizer``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from bot.decoding.engine import Engine, Finish
from bot.decoding.sampling import Row, Sampling
from bot.decoding.serving import Serving, open_engine, open_prepared
from bot.decoding.wiring import window_of
from bot.errors import UserError
from bot.families import checkpoints
from bot.families.base import GeneratingFamily
from bot.tasks.text_to_text import AnswerQuestion, CompleteText, TextResult

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model


def load(model: Model, folder: Path) -> CausalLM:
    """Load a checkpoint: what was prepared for OpenVINO, or else the net itself, on torch.

    Raises:
        OperatorError: The files lack weights that the architecture needs.
    """
    serving = Serving.from_environ()
    tokenizer = checkpoints.load_tokenizer(model, folder)
    fast = open_prepared(model, folder, serving)
    if fast.runtime is not None:
        config = AutoConfig.from_pretrained(folder, **checkpoints.AS_IT_LIES)
        ends = _end_ids(_generation_config(folder, config), tokenizer)
        slots = model.slots
        engine = Engine(fast.runtime, tokenizer.backend_tokenizer, ends, slots, note=fast.note)
        return CausalLM(model, engine, tokenizer, fast.runtime.window, fast.size_bytes)
    dtype = serving.torch_dtype(model)
    net = checkpoints.load_net(AutoModelForCausalLM, model, folder, dtype)
    ends = _end_ids(net.generation_config, tokenizer)
    size = sum(p.numel() * p.element_size() for p in net.parameters())
    engine = open_engine(net, tokenizer.backend_tokenizer, ends, model.slots, serving)
    engine.note = engine.note or fast.note
    engine.could_be_prepared = fast.missing
    return CausalLM(model, engine, tokenizer, window_of(net.config), size)


class CausalLM(GeneratingFamily):
    """Continues texts, and answers questions where the model has been taught to.

    Args:
        model: The catalogue's entry.
        engine: What writes.
        tokenizer: Of the checkpoint.
        window: How many tokens prompt and answer may have together.
        size_bytes: What the weights take, those that are shared counted once.
    """

    def __init__(
        self, model: Model, engine: Engine, tokenizer: Any, window: int, size_bytes: int
    ) -> None:
        self.engine = engine
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._size_bytes = size_bytes

    def row(self, request: CompleteText | AnswerQuestion, seed: int) -> Row:
        """Turn a request into a row; refuse an empty prompt, and one that leaves no room."""
        ids = self._ids(request)
        if not ids:
            raise UserError("There is nothing to go on from here. Write some words and ask again.")
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
        return self._size_bytes

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
        chat = self._tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, **prompt.template
        )
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


def _generation_config(folder: Path, config: Any) -> Any:
    """Return what the checkpoint says of generating, by its own file or else by its config."""
    try:
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:
        return GenerationConfig.from_model_config(config)


def _end_ids(generation: Any, tokenizer: Any) -> frozenset[int]:
    """Return every id that ends a text, by the checkpoint's generation config and tokenizer."""
    named = generation.eos_token_id
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)
