"""The names of the learnt styles of the starter that restyles pictures, in its own order.

The weights come without names: nobody has published which paintings the 26 styles were learnt
from. These were given by eye, from what each style does to a photograph.
"""

from __future__ import annotations

STYLES: tuple[str, ...] = (
    "amber haze",
    "yellow and ink",
    "silk and charcoal",
    "blue and rust shards",
    "crimson and wheat",
    "sunset strokes",
    "midnight honeycomb",
    "primary colours",
    "pastel pencils",
    "slate and cherry mosaic",
    "copper dusk",
    "sepia ink",
    "lilac morning",
    "jungle etching",
    "teal watercolour",
    "pastel stained glass",
    "violet chalk",
    "red lattice",
    "carved wood",
    "starry blue",
    "embers",
    "bold outlines",
    "ink and poppies",
    "twilight oil",
    "sea woodcut",
    "bronze tapestry",
)
