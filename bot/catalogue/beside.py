"""Files that belong beside a checkpoint and that nobody may hand on: whoever runs the bot does.

An entry names them (``beside``): titles of films, for a model that knows films by number only.
Until one of them lies in the checkpoint's folder, the model counts as not here.
"""

from __future__ import annotations

from pathlib import Path

from bot.catalogue.checkpoints import checkpoint_folder, is_present
from bot.catalogue.model import Model


def lacking(model: Model, cache: Path) -> str | None:
    """Say what is still to be put beside a model's checkpoint, and where, or ``None``."""
    if model.beside is None:
        return None
    folder = checkpoint_folder(model, cache)
    if any((folder / name).is_file() for name in model.beside.files):
        return None
    return (
        f"{model.title} lacks {model.beside.what}. Put {' or '.join(model.beside.files)} into "
        f"{folder}"
    )


def is_complete(model: Model, cache: Path) -> bool:
    """Say whether a model's checkpoint is here, and what belongs beside it too."""
    return is_present(model, cache) and lacking(model, cache) is None
