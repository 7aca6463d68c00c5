"""What the bot tells of itself: its commands by sections, and each with its options and an example.

What is told of a command is read from the command itself, in the reader's language.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.errors import Sentence, UserError, did_you_mean, joined
from bot.locales import say, told, word
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Command = app_commands.Command[Any, ..., Any]
    Tree = app_commands.CommandTree[Any]

MOST_CLICKED = 3
"""Commands of a group that can be clicked in the overview: a message has no room for all."""

PORTRAITS = Path(__file__).parent / "portraits"


@dataclass(frozen=True, slots=True)
class Section:
    """Commands that belong together, by the names of the uppermost."""

    key: str
    title: Sentence
    commands: tuple[str, ...]


SECTIONS = (
    Section(
        "words", Sentence("Words"),
        ("complete", "ask", "summarize", "translate", "fill", "sentiment"),
    ),
    Section("pictures", Sentence("Pictures"), ("imagine", "conjure", "restyle")),
    Section("reading", Sentence("Reading pictures"), ("ocr", "describe")),
    Section("films", Sentence("Films"), ("recommend",)),
    Section("experiments", Sentence("Experiments"), ("compare", "arena", "gallery")),
    Section(
        "you", Sentence("You, and what is kept"),
        ("job", "preferences", "preset", "usage", "privacy"),
    ),
    Section("server", Sentence("Your server"), ("settings",)),
    Section("models", Sentence("Models"), ("models", "model", "status", "queue", "help")),
    Section("operators", Sentence("For those who run the bot"), ("admin",)),
)  # fmt: skip

EXAMPLES: Mapping[str, str] = {
    "complete": "prompt:The lighthouse keeper woke up and",
    "ask": "question:Why is the sky blue?",
    "summarize": "file:minutes.txt",
    "translate": "text:Where is the harbour? to:pt",
    "fill": "text:The cat sat on the [MASK].",
    "sentiment": "text:What a wonderful evening that was!",
    "imagine": "prompt:a green cat",
    "conjure": "what:lion",
    "restyle": "image:photo.png style:wave",
    "ocr": "image:page.png",
    "describe": "image:photo.png",
    "recommend": "liked:Alien 5, Fargo 4, Titanic 2",
    "compare": "task:complete prompt:Once upon a time seeds:3",
    "arena fight": "task:complete prompt:Once upon a time",
    "arena table": "task:complete",
    "gallery remove": "id:1f2e3d4c",
    "job show": "id:1f2e3d4c",
    "job explain": "id:1f2e3d4c",
    "job again": "id:1f2e3d4c",
    "preferences model": "command:complete model:gpt2",
    "preferences private": "on:True",
    "preset save": "command:complete name:bold options:temperature:1.4",
    "preset usual": "command:complete preset:bold",
    "preset delete": "command:complete preset:bold",
    "settings command": "command:imagine allowed:False",
    "settings nsfw": "only:True command:imagine",
    "settings model": "model:gpt2 allowed:False",
    "settings channel": "channel:#general answers:True only:True",
    "settings role": "role:@guests answers:False",
    "settings member": "member:@somebody answers:False",
    "settings default": "command:complete model:gpt2 channel:#stories",
    "settings spoilers": "hidden:True",
    "settings mentions": "answers:False",
    "model info": "model:gpt2",
    "model fetch": "model:gpt2",
    "model load": "model:gpt2",
    "model unload": "model:gpt2",
    "admin reload": "cog:recommend",
    "model pin": "model:gpt2 pinned:False",
    "help": "command:imagine",
}
"""What may be typed behind the name of a command that takes options."""


def overview(tree: Tree, ids: Mapping[str, int]) -> str:
    """Return the names of all commands, by sections.

    Args:
        tree: Where they are.
        ids: Their ids on Discord by their uppermost names, with which names can be clicked.
    """
    lines = [
        say(
            "**Menagerie** keeps models on its own machine: nothing that you ask leaves it. Type a "
            "command, or right-click a message and choose *Apps*."
        )
    ]
    for section in SECTIONS:
        names = (_names(tree, root, ids) for root in section.commands)
        if found := " ".join(filter(None, names)):
            lines.append(f"**{told(section.title)}**\n{found}")
    if menus := tree.get_commands(type=discord.AppCommandType.message):
        listed = ", ".join(word("menu_name", menu.name) for menu in menus)
        lines.append(f"**{say('Right click on a message')}**\n{listed}")
    lines.append(
        "-# " + say("More of one: `/help command:…`. Below an answer are buttons to go on with it.")
    )
    return clip("\n".join(lines), CONTENT)


def page(tree: Tree, typed: str, ids: Mapping[str, int]) -> str:
    """Return what one command does, what it takes, and an example.

    Raises:
        UserError: There is no such command.
    """
    command = find(tree, typed)
    lines = [
        f"## {mention(command, ids)}",
        word(_kind(command, "description"), command.description),
        *(_option(parameter) for parameter in command.parameters),
    ]
    if (example := EXAMPLES.get(command.qualified_name)) is not None:
        lines.append(say("For example:") + f"\n```\n/{command.qualified_name} {example}\n```")
    return clip("\n".join(lines), CONTENT)


def portrait(tree: Tree, typed: str) -> discord.File | None:
    """Return a picture of a command at work, where there is one."""
    command = find(tree, typed)
    path = PORTRAITS / f"{command.qualified_name.replace(' ', '-')}.webp"
    if not path.is_file():
        return None
    alt_text = say("How /{command} looks in a chat.", command=title(command))
    return discord.File(io.BytesIO(path.read_bytes()), path.name, description=alt_text)


def find(tree: Tree, typed: str) -> Command:
    """Return a command by its name, in English or in the reader's language.

    Raises:
        UserError: There is none of that name.
    """
    wanted = " ".join(typed.strip().lstrip("/").casefold().split())
    known = {name: each for each in commands(tree) for name in (each.qualified_name, title(each))}
    if wanted not in known:
        fact = Sentence("There is no command {name!r}.", {"name": typed[:50]})
        advice = Sentence("`/help` lists them all.")
        raise UserError(joined(fact, did_you_mean(wanted, known), advice))
    return known[wanted]


def commands(tree: Tree) -> Iterator[Command]:
    """Yield all commands, the sub-commands of groups too."""
    for each in tree.walk_commands():
        if isinstance(each, app_commands.Command):
            yield each


def title(command: Command | app_commands.Group) -> str:
    """Return the whole name of a command in the reader's language."""
    own = word(_kind(command, "name"), command.name)
    return f"{title(command.parent)} {own}" if command.parent else own


def mention(command: Command, ids: Mapping[str, int]) -> str:
    """Return the name of a command, to be clicked where its id is known."""
    root = command.root_parent.name if command.root_parent else command.name
    if root in ids:
        return f"</{command.qualified_name}:{ids[root]}>"
    return f"`/{title(command)}`"


def _names(tree: Tree, root: str, ids: Mapping[str, int]) -> str:
    """Return the commands below a root; of many, the first can be clicked, the rest are named."""
    commands = list(_under(tree, root))
    if len(commands) <= MOST_CLICKED:
        return " ".join(mention(each, ids) for each in commands)
    others = (f"`{word('command_name', each.name)}`" for each in commands[1:])
    return " ".join((mention(commands[0], ids), *others))


def _under(tree: Tree, root: str) -> Iterator[Command]:
    return (
        each
        for each in commands(tree)
        if (each.root_parent.name if each.root_parent else each.name) == root
    )


def _kind(command: Command | app_commands.Group, what: str) -> str:
    return f"{'group' if isinstance(command, app_commands.Group) else 'command'}_{what}"


def _option(parameter: app_commands.Parameter) -> str:
    name = word("parameter_name", parameter.display_name)
    told_of = word("parameter_description", str(parameter.description))
    return f"- {'**' * parameter.required}`{name}`{'**' * parameter.required}: {told_of}"
