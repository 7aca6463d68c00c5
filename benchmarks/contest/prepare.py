"""What a contestant needs done beforehand: ``python -m contest.prepare MODULE:FUNCTION FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from .child import named

if __name__ == "__main__":
    named(sys.argv[1])(Path(sys.argv[2]))
