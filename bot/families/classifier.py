"""Classifiers of texts: any encoder with named labels, such as those that tell a mood.

Source: transformers' ``AutoModelForSequenceClassification`` and ``AutoTokenizer``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForSequenceClassification

from bot.errors import OperatorError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import Encoder, Window, windows_of
from bot.tasks.text_to_text import ClassifySentiment, Label, LabelsResult

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

MULTIPLE = "multi_label_classification"


def load(model: Model, folder: Path) -> Classifier:
    """Load a checkpoint; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights, or the net has no labels to choose from.
    """
    encoder = Encoder(AutoModelForSequenceClassification, model, folder)
    if encoder.net.config.num_labels < 2:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} gives a number, not a label. It is no "
            "model for 'sentiment'; take another."
        )
    return Classifier(encoder)


class Classifier(BatchFamily[list[Window], list[float]]):
    """The family for :class:`bot.tasks.text_to_text.ClassifySentiment`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        config = encoder.net.config
        self._labels = [str(config.id2label[index]) for index in range(config.num_labels)]
        self._multiple = config.problem_type == MULTIPLE

    def preprocess(self, request: ClassifySentiment, seed: int) -> list[Window]:
        """Cut the text into windows of about one length; the seed is not used."""
        tokenizer = self._encoder.tokenizer
        special = tokenizer.num_special_tokens_to_add()
        tokens = len(tokenizer(request.text, add_special_tokens=False, verbose=False)["input_ids"])
        pieces = max(1, math.ceil(tokens / (self._encoder.room - special)))
        encoding = tokenizer(
            [request.text],
            truncation=True,
            max_length=math.ceil(tokens / pieces) + special,
            return_overflowing_tokens=True,
        )
        return windows_of(encoding)

    def forward(self, batch: list[list[Window]], run: Run) -> list[list[float]]:
        """Return for each text a score in 0..1 for every label.

        Long texts have those of their windows, each weighed by its length.
        """
        windows = [window for text in batch for window in text]
        scores = iter(self._encoder.outputs(windows, run, self._scores))
        found = []
        for text in batch:
            weights = torch.tensor([float(len(window)) for window in text])
            each = torch.stack([next(scores) for _ in text])  # (windows, labels)
            found.append((weights @ each / weights.sum()).tolist())
        return found

    def postprocess(self, outputs: list[float], request: ClassifySentiment) -> LabelsResult:
        """Name the labels, the likeliest first."""
        ranked = sorted(zip(outputs, self._labels, strict=True), key=lambda pair: -pair[0])
        # half way from a guess to certainty: 75 % where there are two labels
        sure = 0.5 if self._multiple else (1 + 1 / len(ranked)) / 2
        return LabelsResult(
            labels=tuple(Label(name=name, score=score) for score, name in ranked),
            uncertain=ranked[0][0] < sure,
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self._encoder.size_bytes()

    def _scores(self, output: Any, row: int, length: int) -> torch.Tensor:
        logits = output.logits[row].float()  # (labels,)
        return torch.sigmoid(logits) if self._multiple else torch.softmax(logits, dim=-1)
