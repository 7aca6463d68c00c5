"""Decoder-only language models: GPT-2, GPT-J, OPT, Llama and kin, with or without a chat template.

They write; where their entry says so they also weigh texts, on the same weights: they fill holes
(:mod:`bot.families.holes`) and quote answers from a context (:mod:`bot.families.spans`).

Source: transformers' ``AutoModelForCausalLM`` and ``AutoTokenizer``.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeGuard

from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from bot.decoding import linears
from bot.decoding.engine import Engine, Finish
from bot.decoding.sampling import Row, Sampling
from bot.decoding.serving import Serving, open_engine, open_prepared
from bot.decoding.wiring import Wiring, window_of
from bot.errors import UserError
from bot.families import checkpoints
from bot.families.base import GeneratingFamily, Rows
from bot.families.holes import Holes
from bot.families.likelihoods import Likelihoods, Pieces
from bot.families.masked_lm import around_hole
from bot.families.spans import Spans
from bot.families.weighing import Conclusion, TakingTurns, Weighed
from bot.tasks.text_to_text import AnswerQuestion, CompleteText, FillMask, TextResult

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.tasks.registry import Result
    from bot.tasks.text_to_text import Turn


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
        weigher = Weigher(model, tokenizer, ends, fast.runtime.window, _mapped(model, folder))
        return CausalLM(model, engine, tokenizer, fast.runtime.window, fast.size_bytes, weigher)
    dtype = serving.torch_dtype(model)
    net = checkpoints.load_net(AutoModelForCausalLM, model, folder, dtype)
    ends = _end_ids(net.generation_config, tokenizer)
    size = sum(p.numel() * p.element_size() for p in net.parameters())
    engine = open_engine(net, tokenizer.backend_tokenizer, ends, model.slots, serving)
    engine.note = engine.note or fast.note
    engine.could_be_prepared = fast.missing
    window = window_of(net.config)
    weigher = Weigher(model, tokenizer, ends, window, lambda: net)
    return CausalLM(model, engine, tokenizer, window, size, weigher)


class Weigher:
    """Fills holes and quotes answers with a model's net.

    Args:
        model: The catalogue's entry.
        tokenizer: Of the checkpoint.
        end_ids: The ids that end a text.
        window: How many tokens the net reads at once.
        net: Returns the net; it is called when first something is weighed.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: Any,
        end_ids: frozenset[int],
        window: int,
        net: Callable[[], Any],
    ) -> None:
        self._net = net
        self._holes = functools.cache(lambda: Holes(tokenizer))
        quotes = model.prompt.quotes
        self._spans = Spans(tokenizer, end_ids, window, model.title) if quotes else None
        self._likelihoods = functools.cache(lambda: Likelihoods(Wiring(self._net())))

    def row(self, request: FillMask | AnswerQuestion) -> Row:
        """Turn a request into a job that weighs; refuse one that cannot be answered."""
        if isinstance(request, FillMask):
            around_hole(request.text)
        elif self._spans is not None:
            self._spans.check(request.question.strip())
        nothing = Sampling(max_new_tokens=1)
        return Weighed(ids=(), sampling=nothing, work=lambda: self._worked(request))

    def _worked(self, request: FillMask | AnswerQuestion) -> Pieces[Result]:
        likelihoods = self._likelihoods()
        yield
        if isinstance(request, FillMask):
            return (yield from self._holes().fill(likelihoods, request.text))
        assert self._spans is not None  # no other request comes here
        question, context = request.question.strip(), request.context or ""
        return (yield from self._spans.answer(likelihoods, question, context))


class CausalLM(GeneratingFamily):
    """Continues texts, and answers questions where the model has been taught to.

    Args:
        model: The catalogue's entry.
        engine: What writes.
        tokenizer: Of the checkpoint.
        window: How many tokens prompt and answer may have together.
        size_bytes: What the weights take, those that are shared counted once.
        weigher: Fills holes, and quotes answers where the entry says so.
    """

    def __init__(
        self,
        model: Model,
        engine: Engine,
        tokenizer: Any,
        window: int,
        size_bytes: int,
        weigher: Weigher,
    ) -> None:
        weighs = "fill" in model.tasks or model.prompt.quotes
        self.engine: Rows = TakingTurns(engine) if weighs else engine
        self._weigher = weigher
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._size_bytes = size_bytes

    def row(self, request: CompleteText | AnswerQuestion | FillMask, seed: int) -> Row:
        """Turn a request into a row; refuse an empty prompt, and one that leaves no room."""
        if isinstance(request, FillMask) or self._quotes(request):
            return self._weigher.row(request)
        sampling = self._sampling(request, seed)
        limit = self._limit(sampling)
        ids, _ = self._read(request, limit)
        if not ids:
            raise UserError("There is nothing to go on from here. Write some words and ask again.")
        if len(ids) > limit:
            raise UserError(
                "This text is {count} tokens long; {model} reads at most {limit} (a token is "
                "about four letters). Shorten it and ask again.",
                count=len(ids),
                model=self._model.title,
                limit=limit,
            )
        return Row(ids=tuple(ids), sampling=sampling, stop=self._model.defaults.stop)

    def shown(self, request: CompleteText | AnswerQuestion | FillMask, text: str) -> str:
        """Return a completion with its prompt in front, an answer by itself."""
        return request.prompt + text if isinstance(request, CompleteText) else text.lstrip()

    def result(self, request: CompleteText | AnswerQuestion | FillMask, finish: Finish) -> Result:
        """Return the whole text: a completion with its prompt in front, an answer by itself.

        What was weighed has its result already.
        """
        if isinstance(finish, Conclusion):
            return finish.result
        text = self.shown(request, finish.text)
        recalled = 0
        if isinstance(request, AnswerQuestion) and request.turns:
            _, recalled = self._read(request, self._limit(self._sampling(request, 0)))
        return TextResult(
            text=text, tokens=finish.tokens, stopped_by=finish.stopped_by, recalled=recalled
        )

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return self._size_bytes

    def _quotes(self, request: CompleteText | AnswerQuestion) -> TypeGuard[AnswerQuestion]:
        """Say whether a request is answered with words of its context."""
        return (
            self._model.prompt.quotes
            and isinstance(request, AnswerQuestion)
            and bool((request.context or "").strip())
        )

    def _limit(self, sampling: Sampling) -> int:
        """Return how many tokens may be read before so many are written."""
        room = self._window - sampling.max_new_tokens
        return min(room, self._model.limits.max_input_tokens or room)

    def _read(self, request: CompleteText | AnswerQuestion, limit: int) -> tuple[list[int], int]:
        """Return what the net reads, and how many turns of the conversation that holds.

        Where all of them are too long, the oldest are left out.
        """
        if isinstance(request, CompleteText):
            return list(self._tokenizer(request.prompt)["input_ids"]), 0
        turns = [turn for turn in request.turns if turn.answer] if request.converses else []
        left_out = bisect.bisect_left(
            range(len(turns)), True, key=lambda n: len(self._ids(request, turns[n:])) <= limit
        )
        recalled = turns[left_out:]
        return self._ids(request, recalled), len(recalled)

    def _ids(self, request: AnswerQuestion, recalled: Sequence[Turn]) -> list[int]:
        prompt = self._model.prompt
        question = request.question
        if request.context:
            question = prompt.context.format(context=request.context, question=question)
        if not prompt.chat:
            before = "".join(f"{turn.question}\n{turn.answer}\n" for turn in recalled)
            return list(self._tokenizer(f"{before}{question}\n")["input_ids"])
        turns = [{"role": "system", "content": prompt.system}] if prompt.system else []
        for turn in recalled:
            turns.append({"role": "user", "content": turn.question})
            turns.append({"role": "assistant", "content": turn.answer})
        turns.append({"role": "user", "content": question})
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


def _mapped(model: Model, folder: Path) -> Callable[[], Any]:
    """Return what opens the net where OpenVINO writes: its weights stay the file's own pages."""

    def opened() -> Any:
        dtype = Serving.from_environ().torch_dtype(model)
        net = checkpoints.load_net(AutoModelForCausalLM, model, folder, dtype)
        linears.relay(net, "plain")
        return net

    return opened


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
