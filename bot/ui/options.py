"""Options that many commands share: their descriptions and their ranges.

``private`` is read where it counts, from what was typed: :func:`bot.ui.sharing.whispers`.
"""

from __future__ import annotations

from discord import app_commands

MODEL = "Which model; without it, the one that suits best"
PRESET = "Options that you or the server saved: /preset"
PRIVATE = "Only you see the answer, until you press Share"
SEED = "The same seed gives the same answer again"
Seed = app_commands.Range[int, 0, 2**32 - 1]
