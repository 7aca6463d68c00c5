"""The names of the learnt styles of the starter that restyles pictures, in its own order.

The weights come without names: nobody has published which paintings the 26 styles were learnt
from. These were given by eye, from what each style does to a photograph.
"""

from __future__ import annotations

from bot.errors import Sentence, UserError, did_you_mean, joined

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


def style_number(name: str | None) -> int:
    """Return the place of a learnt style by its name in any case, the first for ``None``.

    Raises:
        UserError: There is no such style; it names the nearest.
    """
    if name is None:
        return 0
    wanted = " ".join(name.lower().split())
    if wanted in STYLES:
        return STYLES.index(wanted)
    raise UserError(
        joined(
            Sentence("I know no style {name!r}.", {"name": name[:50]}),
            did_you_mean(wanted, STYLES),
            Sentence(
                "Pick one of the {count} from the list, or send a picture as the style.",
                {"count": len(STYLES)},
            ),
        )
    )
