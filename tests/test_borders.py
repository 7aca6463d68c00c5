"""The borders of the house: what may load what, how modules are named, how long they may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("bot", "cogs")
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts
)
HEAVY = ("torch", "transformers", "ray", "numpy", "onnxruntime", "rapidocr")
LIGHT_MODULES = (
    "bot.cli",
    "bot.client",
    "bot.service",
    "bot.application",
    "bot.inference.local",
    "bot.playground.server",
    *(f"cogs.{path.stem}" for path in (ROOT / "cogs").glob("[a-z]*.py")),
)
BANNED_NAMES = {"utils", "helpers", "common", "misc", "core"}
MAX_LINES = 400
MAX_COG_LINES = 200
MAX_FUNCTION_LINES = 60


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_the_bots_side_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*set(sys.modules) & set({HEAVY!r}))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""


def test_tasks_and_errors_load_msgspec_and_the_standard_library_only() -> None:
    code = "import sys, bot.errors, bot.tasks.registry, bot.tasks.styles; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    site = {"bot", "msgspec", "typing_extensions"}
    strange = {n for n in loaded - sys.stdlib_module_names - site if not n.startswith("_")}
    assert not {
        n for n in strange if "editable" not in n and n not in {"distutils", "sitecustomize"}
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_named_for_what_they_do_and_stay_short(path: Path) -> None:
    assert path.stem not in BANNED_NAMES
    text = path.read_text()
    limit = MAX_COG_LINES if path.parent.name == "cogs" else MAX_LINES
    assert len(text.splitlines()) <= limit
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it knows in its first line"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"
