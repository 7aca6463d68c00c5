"""Trains the recommender of :mod:`bot.training.behaviour` on MovieLens, where it is fetched.

GroupLens' terms forbid to hand MovieLens on, and what it tells of people with it; so no weights of
ours are handed on either: everybody's own machine learns them, in about a minute. All people are
learnt from, but for those few by whom the blend is decided.
"""

from __future__ import annotations

from pathlib import Path

import torch

from bot.errors import OperatorError
from bot.training.behaviour import train
from bot.training.loop import STATE, OtherTraining
from bot.training.movielens import read


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write what :mod:`bot.families.behaviour` reads, learnt from the ratings beside one another.

    How far the training is, is noted beside the first file: after a stop it goes on from there.

    Raises:
        OperatorError: The files are no ratings of MovieLens, or damaged.
    """
    if dtype != "float32":
        raise OperatorError(f"A recommender is trained in float32; {dtype} it cannot be.")
    if not files:
        raise OperatorError("A recommender is trained on ratings; there are none here.")
    torch.set_num_threads(1)  # in nets as small as this one threads only wait for each other
    source = files[0].parent
    ratings = read(source)
    try:
        train(ratings, folder, fold=None, keep=source)
    except OtherTraining:  # of an older version of the trainer, perhaps
        (source / STATE).unlink()
        train(ratings, folder, fold=None, keep=source)
