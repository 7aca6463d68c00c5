"""Writes one stand-in: ``python -m bot.catalogue.synthetic REPO FOLDER [--tiny]``."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

from bot.catalogue.synthetic import ALONE, WRITERS


def main(arguments: list[str]) -> None:
    """Write the repository that the arguments name into a folder that may be there."""
    repo, folder, *more = arguments
    warnings.simplefilter("ignore")  # of what libraries say, only faults matter here
    write(repo, Path(folder), tiny="--tiny" in more)


def write(repo: str, folder: Path, *, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of a repository into a folder.

    Args:
        repo: A key of :data:`bot.catalogue.synthetic.WRITERS`.
        folder: Where they go; made where it is not there.
        tiny: Nets of two small layers in the same files, to be tested with.
        seed: Decides the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = WRITERS[repo]
    module = importlib.import_module(f"bot.catalogue.synthetic.{name}")
    which = {} if name in ALONE else {"repo": repo}
    module.write(folder, **which, tiny=tiny, seed=seed)


if __name__ == "__main__":
    main(sys.argv[1:])
