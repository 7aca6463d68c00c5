"""In which line of a file an entry of the catalogue stands, for those who are to mend it."""

from __future__ import annotations

import re
from pathlib import Path

FAULT = re.compile(
    r"(?P<file>[^\n]+?), (?P<rest>(?:\[\[model\]\]|Model) "
    r"(?:'(?P<id>[^']*)'|number (?P<number>\d+))"
    r"(?: (?P<key>[a-z_0-9.]+))?.*)",
    re.DOTALL,
)
HEAD = re.compile(r"\s*\[\[\s*model\s*\]\]")


def located(fault: str) -> str:
    """Return what is wrong with an entry, the line in it; other texts as they are."""
    found = FAULT.fullmatch(fault)
    if found is None:
        return fault
    try:
        lines = Path(found["file"]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return fault
    line = _line(lines, found["id"], int(found["number"] or 0), found["key"] or "")
    return fault if line is None else f"{found['file']}, line {line}, {found['rest']}"


def _line(lines: list[str], model_id: str | None, number: int, key: str) -> int | None:
    """Return the line of a key of an entry, or at least of the entry's head, counted from 1."""
    heads = [n for n, line in enumerate(lines) if HEAD.match(line)]
    blocks = list(zip(heads, [*heads[1:], len(lines)], strict=True))
    if model_id is not None:
        wanted = re.compile(rf"""\s*id\s*=\s*["']{re.escape(model_id)}["']""")
        blocks = [(a, b) for a, b in blocks if any(map(wanted.match, lines[a:b]))]
    elif number:
        blocks = blocks[number - 1 : number]
    if not blocks:
        return None
    start, end = blocks[-1]  # of an id that is there twice, the second
    for step in reversed(key.split(".")):
        named = re.compile(rf"(^|[\s{{,.])({re.escape(step)})\s*=")
        for n in range(start, end):
            if step and named.search(lines[n]):
                return n + 1
    return start + 1
