"""Rivals inside one process with transformers: one at a time, static batches, generate_batch."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, pipeline
from transformers.generation import BaseStreamer, ContinuousBatchingConfig

from .contestant import Blocking, Contestant, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contestant import Waiting
    from .workload import Ask

logging.getLogger("transformers").setLevel(logging.ERROR)


class FirstToken(BaseStreamer):
    """Tells when the first new token is there, at the cost of nothing else."""

    def __init__(self, seen: Callable[[], None]) -> None:
        self._seen = seen
        self._calls = 0

    def put(self, value: Any) -> None:
        """Count the calls: the first brings the prompt."""
        self._calls += 1
        if self._calls == 2:
            self._seen()

    def end(self) -> None:
        """Do nothing."""


class OneAtATime(Blocking):
    """``pipeline()``, one request after the other: what bots do.

    On the main thread with torch's default threads, where it is fastest: called from an executor's
    thread, as bots do, it was seen to use half the cores.
    """

    def load(self) -> None:
        """Load the pipeline in fp32."""
        self._pipeline = pipeline(
            "text-generation", model=str(self.folder), dtype=torch.float32, device="cpu"
        )
        self._end = self._pipeline.tokenizer.eos_token_id

    def run(self, batch: list[Waiting]) -> None:
        """Serve one request."""
        (waiting,) = batch
        (answer,) = self._pipeline(
            waiting.ask.text,
            max_new_tokens=waiting.ask.new_tokens,
            do_sample=False,
            return_full_text=False,
            pad_token_id=self._end,
            streamer=FirstToken(waiting.seen),
        )
        waiting.answer.set_result(answer["generated_text"])


def load_padding(folder: Any) -> tuple[Any, Any]:
    """Return a checkpoint's net in fp32, and its tokenizer set up to pad prompts on the left."""
    net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    return net, tokenizer


def generate_padded(
    net: Any, tokenizer: Any, texts: list[str], wanted: list[int], seen: Callable[[], None]
) -> list[str]:
    """Continue texts as one padded batch: as long as the longest asks for, the rest thrown away."""
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.inference_mode():
        ids = net.generate(
            **inputs,
            max_new_tokens=max(wanted),
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
            streamer=FirstToken(seen),
        )
    new = ids[:, inputs["input_ids"].shape[1] :].tolist()
    return [tokenizer.decode(row[:most]) for row, most in zip(new, wanted, strict=True)]


class StaticBatches(Blocking):
    """Micro-batches: what waits is padded into a batch, and answered when the batch is done."""

    def load(self) -> None:
        """Load the net; ``most`` is a setting."""
        self.most = self.settings["most"]
        self._net, self._tokenizer = load_padding(self.folder)

    def run(self, batch: list[Waiting]) -> None:
        """Serve a batch; the first token counts although a real batcher would not show it."""

        def seen() -> None:
            for waiting in batch:
                waiting.seen()

        texts = [waiting.ask.text for waiting in batch]
        wanted = [waiting.ask.new_tokens for waiting in batch]
        answers = generate_padded(self._net, self._tokenizer, texts, wanted, seen)
        for waiting, text in zip(batch, answers, strict=True):
            waiting.answer.set_result(text)


class GenerateBatch(Contestant):
    """Transformers' continuous batching: what ``generate_batch`` runs, requests joining in flight.

    ``generate_batch`` itself takes one length for all; its manager takes each request's own.
    """

    async def start(self) -> None:
        """Load the net in fp32 and start the manager, its pages counted out."""
        self._net, self._tokenizer = load_padding(self.folder)
        self._manager = self._net.init_continuous_batching(
            GenerationConfig(do_sample=False, eos_token_id=-1, max_new_tokens=256),
            ContinuousBatchingConfig(
                page_size=self.settings["page_size"],
                num_blocks=self.settings["num_blocks"],
                max_batch_tokens=self.settings["max_batch_tokens"],
                allow_block_sharing=False,
            ),
        )
        await asyncio.to_thread(self._manager.warmup)
        self._manager.start()

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Add a request and wait for its last token."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def on_output(output: Any) -> None:
            if output.generated_tokens:
                seen()
            if output.is_finished() and not answer.done():
                answer.set_result(output)

        name = f"{ask.number}-{id(answer)}"
        self._manager.register_result_handler(name, on_output)
        self._manager.add_request(
            list(ask.ids), request_id=name, max_new_tokens=ask.new_tokens, streaming=True
        )
        output = await answer
        if output.error:
            raise RuntimeError(output.error)
        expect(len(output.generated_tokens), ask)
        return self._tokenizer.decode(output.generated_tokens)

    async def stop(self) -> None:
        """Stop the manager's thread."""
        await asyncio.to_thread(self._manager.stop, True, 10.0)
