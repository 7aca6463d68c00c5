"""MovieLens' ratings: who gave which film how many stars, and when.

Loads numpy: for workers and trainers, not for the bot's side.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.errors import OperatorError


def read_ratings(path: Path) -> NDArray[np.int64]:
    """Return rows of person, film, stars, time, (n, 4), of ``1::1193::5::978300760``.

    Raises:
        OperatorError: The file is absent, damaged, or without a rating.
    """
    try:
        data = path.read_bytes().replace(b"::", b"\t")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is nothing is said below
            rows = np.loadtxt(io.BytesIO(data), np.int64, delimiter="\t", ndmin=2)
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path}: the ratings cannot be read: {error}") from error
    if not len(rows) or rows.shape[1] != 4:
        raise OperatorError(f"{path}: the ratings cannot be read: no line has four numbers.")
    return rows
