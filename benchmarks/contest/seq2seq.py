"""Encoder-decoders: ``generate`` one request at a time, and this bot's executor."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from bot.catalogue.model import Defaults, Limits, Model
from bot.inference.job import Job
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import Summarize, Translate

from .contestant import Blocking
from .ours import Ours
from .rivals_torch import FirstToken

if TYPE_CHECKING:
    from .contestant import Waiting
    from .workload import Ask

logging.getLogger("transformers").setLevel(logging.ERROR)

SOURCE, TARGET = "en", "fr"


class OneAtATime(Blocking):
    """``generate`` in fp32 with torch's default threads, one request after the other."""

    def load(self) -> None:
        """Load the net."""
        self._net = AutoModelForSeq2SeqLM.from_pretrained(self.folder, dtype=torch.float32).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self._more: dict[str, Any] = {}
        if self.settings["task"] == "translate":
            self._tokenizer.src_lang = SOURCE
            self._more["forced_bos_token_id"] = self._tokenizer.get_lang_id(TARGET)

    def run(self, batch: list[Waiting]) -> None:
        """Serve one request."""
        (waiting,) = batch
        inputs = self._tokenizer(waiting.ask.text, return_tensors="pt", truncation=True)
        with torch.inference_mode():
            (ids,) = self._net.generate(
                **inputs,
                **self._more,
                max_new_tokens=waiting.ask.new_tokens,
                num_beams=1,
                do_sample=False,
                streamer=FirstToken(waiting.seen),
            )
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        # words that the small sentencepiece model lacks keep their mark for a space
        waiting.answer.set_result(text.removeprefix(f"__{TARGET}__").replace("\u2581", " ").strip())


class OursSeq2Seq(Ours):
    """Summaries or translations through the executor, by the family ``seq2seq``.

    Settings: ``task``, and ``new_tokens``, which for these tasks the model's entry decides;
    ``inference`` and ``model`` as in :class:`contest.ours.Ours`.
    """

    slack = 2  # the ids that begin and end a text may be counted or not

    def model(self) -> Model:
        """Return the catalogue's entry for the checkpoint."""
        new_tokens = self.settings["new_tokens"]
        entry: dict[str, Any] = {
            "id": f"contest-{self.settings['task']}",
            "task": self.settings["task"],
            "family": "seq2seq",
            "checkpoint": str(self.folder),
            "slots": 8,
            "limits": Limits(max_new_tokens=new_tokens, max_seconds=3600),
            "defaults": Defaults(
                max_new_tokens=new_tokens, temperature=0.0, repetition_penalty=1.0
            ),
        }
        return Model(**{**entry, **self.settings.get("model", {})})

    def job(self, ask: Ask, name: str) -> Job:
        """Return the job that asks for a summary or a translation."""
        request: Summarize | Translate = Summarize(text=ask.text)
        if self.settings["task"] == "translate":
            request = Translate(text=ask.text, source=SOURCE, to=TARGET)
        caller = Caller(user_id=ask.number + 1)
        return Job(
            id=name, request=request, model=self._model, seed=1, caller=caller, max_wait_s=3600.0
        )
