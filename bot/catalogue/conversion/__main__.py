"""Runs one conversion: ``python -m bot.catalogue.conversion KIND DTYPE FOLDER FILE...``."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

from bot.catalogue.conversion import KINDS
from bot.children import die_with_parent


def main(arguments: list[str]) -> None:
    """Run the conversion that the arguments name; it raises what went wrong."""
    kind, dtype, folder, *files = arguments
    if kind not in KINDS:
        raise SystemExit(f"There is no conversion {kind!r}; there are {', '.join(KINDS)}.")
    warnings.simplefilter("ignore")  # of what libraries say, only faults matter here
    die_with_parent()
    conversion = importlib.import_module(f"bot.catalogue.conversion.{kind}")
    conversion.convert([Path(file) for file in files], Path(folder), dtype)


if __name__ == "__main__":
    main(sys.argv[1:])
