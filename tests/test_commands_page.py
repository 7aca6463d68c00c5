"""docs/commands.md tells every command as it is, and its pictures are there and light."""

from __future__ import annotations

import re
from pathlib import Path

from bot.locales.collect import commanding
from bot.ui import help as told

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")
PICTURE = re.compile(r"^!\[[^\]]+\]\(\.\./bot/ui/portraits/([^)]+)\)$", re.MULTILINE)
FOLDER_BYTES = 1_000_000
UNSEEN = {"settings role", "settings member"}  # need people and roles that the playground has not


async def test_every_command_stands_there_as_it_is() -> None:
    for command in told.commands((await commanding()).tree):
        section = PAGE.partition(f"### /{command.qualified_name}\n")[2].partition("\n#")[0]
        assert command.description in section, "run `make portraits`"
        for parameter in command.parameters:
            assert f"- `{parameter.display_name}`" in section
            assert str(parameter.description) in section
        assert PICTURE.search(section) or command.qualified_name in UNSEEN


def test_its_pictures_are_there_and_light_and_no_others() -> None:
    shown = set(PICTURE.findall(PAGE))
    assert shown == {path.name for path in told.PORTRAITS.glob("*.webp")}
    assert sum((told.PORTRAITS / name).stat().st_size for name in shown) < FOLDER_BYTES
