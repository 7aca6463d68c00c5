"""Licences that the person who runs the bot must accept before a model is fetched or run.

Accepted in the configuration (``[licences] accepted``), or once with a fetch: then the
checkpoint's manifest remembers it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bot.catalogue.checkpoints import checkpoint_folder, read_manifest
from bot.catalogue.model import Model
from bot.errors import Sentence


def unaccepted(model: Model, accepted: Collection[str], cache: Path) -> Sentence | None:
    """Say that a model's licence is still to be accepted, and how, or ``None`` if it need not."""
    if model.acknowledge is None or model.acknowledge in accepted:
        return None
    manifest = read_manifest(checkpoint_folder(model, cache)) or {}
    if manifest.get("accepted") == model.acknowledge:
        return None
    where = f" ({model.licence_url})" if model.licence_url else ""
    return Sentence(
        "{model} is only for those who accept its licence: {licence}. Whoever runs the bot does so "
        "with `python -m bot models fetch {id} --accept-licence`, or with `accepted = "
        '["{name}"]` in config.toml, table [licences].',
        {
            "model": model.title, "licence": f"{model.licence}{where}", "id": model.id,
            "name": model.acknowledge,
        },
    )  # fmt: skip
