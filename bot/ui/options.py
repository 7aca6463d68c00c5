"""Options that many commands share: their descriptions and their ranges."""

from __future__ import annotations

from discord import app_commands

MODEL = "Which model; without it, the one that suits best"
PRESET = "Options that you or the server saved: /preset"
SEED = "The same seed gives the same answer again"
Seed = app_commands.Range[int, 0, 2**32 - 1]
