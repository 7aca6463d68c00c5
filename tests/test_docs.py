"""Documents say what is true: commands, keys, verbs, links, command lines and examples in them."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import pkgutil
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect
from typer.main import get_command

import cogs
from bot.catalogue.catalogue import Catalogue, has_family
from bot.catalogue.entries import merged_models, packaged_models
from bot.catalogue.model import Limits, Model
from bot.cli import app
from bot.cli_check import MEASURED
from bot.config import Config
from bot.tables import fields_of
from bot.tasks.registry import REQUESTS
from bot.tasks.text_to_text import ClassifySentiment
from bot.trials.measured import read
from bot.trials.page import models_page

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PICTURE_LIMIT_BYTES = 400_000

# In parts, so that this file does not hold what it looks for.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("download.pytorch", "org"),
    ("npmjs", "org"),
)
PLACES = (("", "work", ""), ("", "tmp", "explore"), ("", "root", ".pyenv"))
UNWANTED = [".".join(parts) for parts in REGISTRIES] + ["/".join(parts) for parts in PLACES]

README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `/(\w+)` \|.*$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BOT_LINE = re.compile(r"python -m bot(?!\.)(.*)")

documents = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of a document in one language."""
    return [text for kind, text in FENCE.findall(path.read_text("utf-8")) if kind == language]


def without_blocks(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def rows() -> dict[str, str]:
    """Return the lines of the README's table of commands by command."""
    return {match[1]: match[0] for match in ROW.finditer(README)}


def cog_commands() -> Iterator[str]:
    for found in pkgutil.iter_modules(cogs.__path__, "cogs."):
        for part in vars(importlib.import_module(found.name)).values():
            if isinstance(part, type) and part.__module__ == found.name:
                yield from (command.name for command in getattr(part, "__cog_app_commands__", ()))


def keys() -> Iterator[str]:
    """Yield every key of the configuration and of a model, as `table.key` where it is in one."""
    for table in fields_of(inspect.type_info(Config)):
        yield from (f"{table.name}.{field.name}" for field in fields_of(table.type))
    for table in fields_of(inspect.type_info(Model)):
        if table.name != "parts":
            yield from (f"model.{table.name}.{field.name}" for field in fields_of(table.type))


def test_the_readme_lists_the_commands_that_there_are() -> None:
    assert set(rows()) == set(cog_commands())


@pytest.mark.parametrize("task", list(REQUESTS))
def test_the_readme_says_who_answers(task: str) -> None:
    built = any(has_family(model.family) for model in Catalogue.load().for_task(task))
    assert ("nobody yet" not in rows()[task]) == built


def test_the_readme_thanks_for_every_starter() -> None:
    for model in Catalogue.load():
        if model.starter:
            assert f"| {model.title} | {model.licence} |" in README


@pytest.mark.parametrize("key", list(keys()))
def test_every_key_is_explained(key: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert f"`{key.rpartition('.')[2]}`" in text


@documents
def test_verbs_of_make_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`make ([a-z-]+)`", text) + re.findall(r"^make ([a-z-]+)", text, re.M)
    assert set(named) <= verbs


@documents
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(without_blocks(path)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@functools.cache
def anchors(path: Path) -> set[str]:
    """Return the anchors that headings get: small letters, hyphens for spaces, no punctuation."""
    headings = HEADING.findall(without_blocks(path))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def bot_lines() -> Iterator[Any]:
    """Yield the arguments of every command line of the bot that a document names."""
    for path in DOCUMENTS:
        blocks_of_all_kinds = (text for _, text in FENCE.findall(path.read_text("utf-8")))
        fenced = "".join(blocks_of_all_kinds).splitlines()
        spans = [" ".join(span.split()) for span in SPAN.findall(without_blocks(path))]
        for line in (*fenced, *spans):
            if match := BOT_LINE.search(line):
                arguments = shlex.split(match[1].partition(" > ")[0])
                yield pytest.param(arguments, id=f"{path.name}: {' '.join(arguments)}")


@pytest.mark.parametrize("arguments", list(bot_lines()))
def test_command_lines_parse(arguments: list[str]) -> None:
    command: Any = get_command(app)
    while arguments and hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    if arguments:  # else the document only speaks of the command
        command.make_context("bot", arguments).close()


@documents
def test_tables_in_documents_are_valid(path: Path) -> None:
    for block in blocks(path, "toml"):
        tables = tomllib.loads(block).get("model", [])
        known = [
            table for table in tables if table.get("family") != "word_list"
        ]  # the reader's own
        merged_models(known, path.name, ROOT)


@documents
def test_examples_are_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)


def test_the_family_of_the_example_works(tmp_path: Path) -> None:
    (source,) = blocks(ROOT / "docs" / "adding-a-family.md", "python")
    (tmp_path / "word_list.py").write_text(source, encoding="utf-8")
    (tmp_path / "glad.txt").write_text("lovely\ngood\nglad\ndelicious\n", encoding="utf-8")
    (tmp_path / "sad.txt").write_text("cold\nbad\nsad\nlate\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("word_list", tmp_path / "word_list.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = Model(
        id="word-list", task="sentiment", family="word_list", checkpoint="x", limits=Limits()
    )
    family = module.load(model, tmp_path)
    request = ClassifySentiment(text="The soup was lovely, the train was late, the cake delicious.")

    class Run:
        def check(self) -> None:
            """Never stop."""

    (output,) = family.forward([family.preprocess(request, 0)], Run())
    assert family.postprocess(output, request).text == "pleased"
    assert family.size_bytes() > 0


def test_the_page_of_models_is_current() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == models_page(packaged_models(), read(MEASURED)), (
        "write it anew: python -m bot models document > docs/models.md"
    )


def test_the_picture_is_light() -> None:
    assert (ROOT / "docs/pictures/playground.png").stat().st_size <= PICTURE_LIMIT_BYTES


def test_the_container_is_built_from_files_that_are_there() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for names in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in names.split()), names
    tomllib.loads((ROOT / "docker/config.toml").read_text(encoding="utf-8"))


def test_no_file_names_a_registry_or_a_place_on_our_machines() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no checkout")
    unwanted = re.compile(rf"(?<![\w])({'|'.join(map(re.escape, UNWANTED))})")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            found = unwanted.search(path.read_bytes().decode("utf-8", "replace"))
            assert found is None, f"{name}: {found and found[0]}"
