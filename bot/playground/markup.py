"""Reads Discord's Markdown into a small tree that the page builds elements of. Pure.

markdown-it does the reading; rules of our own add what only Discord has: underlines, spoilers,
small print, times, mentions. The tree is data, never HTML: a string is text, and everything else
is a dict whose ``t`` names one of the few things that the page can build, with its children in
``c``. So there is no markup that a message could break out of.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bot.playground.components import TEXT_DISPLAY, walk
from bot.playground.records import Json

Node: TypeAlias = "str | Json"

LONGEST = 6000  # characters that are read; of longer ones the rest is plain text
_FENCE = re.compile(r"(?<!\\)```(?:([\w+#.-]+)\n)?\n?(.+?)\n?```", re.DOTALL)
_HELD = re.compile("\ue000([0-9]+)\ue001")  # stands for a code block while the rest is read
_LINE = re.compile(r"(#{1,3}|-#) +(\S.*)")
_LINK = re.compile(r"https?://[^\s<>\"'|*`]*[^\s<>\"'|*`.,;:!?)\]_~]")
_NAMED = re.compile(
    r"<(?:t:(?P<at>-?[0-9]{1,13})(?::(?P<style>[tTdDfFsSR]))?"
    r"|@(?P<role>&)?!?(?P<person>[0-9]{15,20})|#(?P<channel>[0-9]{15,20})"
    r"|/(?P<command>[^<>:\n]{1,100}):[0-9]{1,20}|a?:(?P<emoji>\w{2,32}):[0-9]{15,20})>"
)
_EVERYBODY = re.compile(r"@(everyone|here)\b")
_TAGS = {"em": "i", "s": "s", "p": "p", "li": "li", "ul": "ul", "ol": "ol"}


@functools.lru_cache(maxsize=4096)
def tree_of(text: str) -> list[Node]:
    """Reads a text; returns its blocks. The result is shared: leave it as it is."""
    read, rest = text[:LONGEST], text[LONGEST:]
    nodes = _blocks(re.sub("[\ue000\ue001]", "", read), quoted=False)
    return [*nodes, {"t": "p", "c": [rest]}] if rest else nodes


def trees_in(message: Json) -> dict[str, list[Node]]:
    """Reads every text of a message, its embeds and its components; returns the trees by text."""
    texts = [message["content"]]
    for embed in message["embeds"]:
        texts += [embed.get("title"), embed.get("description")]
        for field in embed.get("fields") or ():
            texts += [field.get("name"), field.get("value")]
    texts += [c.get("content") for c in walk(message["components"]) if c["type"] == TEXT_DISPLAY]
    return {text: tree_of(text) for text in texts if text}


def _blocks(text: str, *, quoted: bool) -> list[Node]:
    """Reads a text, or the inside of a quotation, which holds no other."""
    held: list[Json] = []

    def hold(found: re.Match[str]) -> str:
        inside = found[2]
        if text.startswith("> ", text.rfind("\n", 0, found.start()) + 1):
            inside = re.sub(r"^> ?", "", inside, flags=re.MULTILINE).removesuffix("\n")
        held.append({"t": "pre", "lang": found[1] or "", "text": inside})
        # at the beginning of a line it ends what was before
        begins = found.start() == 0 or text[found.start() - 1] == "\n"
        return f"{chr(10) * 2 if begins else ''}\ue000{len(held) - 1}\ue001"

    env = {"held": held, "quoted": quoted}
    return _nodes(_reader().parse(_FENCE.sub(hold, text), env))


@functools.cache
def _reader() -> MarkdownIt:
    """Makes the reader with Discord's marks and no others."""
    reader = MarkdownIt("zero", {"maxNesting": 40})
    reader.enable(["list", "emphasis", "strikethrough", "backticks", "escape", "newline", "link"])
    reader.enable(["autolink"])
    ends: RuleOptionsType = {"alt": ["paragraph", "list"]}
    reader.block.ruler.before("paragraph", "line", _line, ends)
    reader.block.ruler.before("paragraph", "outdent", _outdent, {"alt": ["paragraph"]})
    reader.block.ruler.before("list", "quote", _quote, ends)
    reader.inline.ruler.before("text", "held", _held)
    reader.inline.ruler.before("autolink", "named", _named)
    reader.inline.ruler.before("emphasis", "spoiler", _spoiler)
    reader.inline.ruler.before("text", "bare_link", _bare_link)
    reader.inline.ruler.before("text", "everybody", _everybody)
    for character in ("|", "\ue000", "@", ":"):
        reader.inline.add_terminator_char(character)
    reader.validateLink = _is_link  # type: ignore[method-assign]
    return reader


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://"))


# -- blocks ------------------------------------------------------------------------------


def _at(state: StateBlock, line: int) -> str:
    """Returns one line of a block without its indent."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Reads a heading of three sizes, or small print: one line each."""
    found = _LINE.fullmatch(_at(state, start))
    if found is None:
        return False
    if silent:
        return True
    kind = "small" if found[1] == "-#" else f"h{len(found[1])}"
    _own_block(state, kind, found[2], start, start + 1)
    return True


def _outdent(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """Ends a list's last item before a line that is not indented, as Discord does."""
    return silent and state.sCount[line] < state.blkIndent


def _own_block(state: StateBlock, kind: str, text: str, start: int, end: int) -> None:
    """Adds a block whose inside is one run of text."""
    state.line = end
    state.push("own_open", "", 1).meta = {"t": kind}
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = text, [start, end], []
    state.push("own_close", "", -1)


def _quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Reads lines that begin with "> ", or all that follows ">>> "."""
    if state.env["quoted"] or not _at(state, start).startswith(("> ", ">>> ")):
        return False
    if silent:
        return True
    if _at(state, start).startswith(">>> "):
        lines = [_at(state, start)[4:], *(_at(state, line) for line in range(start + 1, end))]
    else:
        lines = []
        for line in range(start, end):
            if not _at(state, line).startswith("> "):
                break
            lines.append(_at(state, line)[2:])
    state.line = start + len(lines)
    inside = _reader().parse("\n".join(lines), {**state.env, "quoted": True})
    state.push("own", "", 0).meta = {"t": "quote", "c": _nodes(inside)}
    return True


# -- inside a line -----------------------------------------------------------------------


def _add(state: StateInline, node: Json, end: int, *, silent: bool) -> bool:
    """Adds a node of ours and goes on behind it."""
    if not silent:
        state.push("own", "", 0).meta = node
    state.pos = end
    return True


def _held(state: StateInline, silent: bool) -> bool:
    """Puts a code block back where it stood."""
    found = _HELD.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    return _add(state, state.env["held"][int(found[1])], found.end(), silent=silent)


def _named(state: StateInline, silent: bool) -> bool:
    """Reads what stands in angle brackets: times, mentions, commands, emoji."""
    found = _NAMED.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    return _add(state, _named_node(found), found.end(), silent=silent)


def _named_node(found: re.Match[str]) -> Json:
    if found["at"]:
        return {"t": "time", "at": int(found["at"]), "style": found["style"] or "f"}
    if found["person"]:
        return {"t": "role" if found["role"] else "user", "id": found["person"]}
    if found["channel"]:
        return {"t": "channel", "id": found["channel"]}
    if found["command"]:
        return {"t": "command", "name": found["command"]}
    return {"t": "emoji", "name": found["emoji"]}


def _everybody(state: StateInline, silent: bool) -> bool:
    """Marks @everyone and @here."""
    found = _EVERYBODY.match(state.src, state.pos, state.posMax)
    return found is not None and _add(
        state, {"t": "everybody", "name": found[1]}, found.end(), silent=silent
    )


def _spoiler(state: StateInline, silent: bool) -> bool:
    """Reads ||what is hidden until somebody presses it||."""
    start = state.pos + 2
    if not state.src.startswith("||", state.pos) or state.env.get("hidden"):
        return False
    end = state.src.find("||", start, state.posMax)
    if end <= start:
        return False
    if not silent:
        tokens: list[Token] = []
        env = {**state.env, "hidden": True}
        state.md.inline.parse(state.src[start:end], state.md, env, tokens)
        state.push("own", "", 0).meta = {"t": "spoiler", "c": _nodes(tokens)}
    state.pos = end + 2
    return True


def _bare_link(state: StateInline, silent: bool) -> bool:
    """Makes a link of an address that stands in the text: its scheme has been read as text."""
    if state.src[state.pos] != ":" or state.linkLevel > 0:
        return False
    scheme = next((s for s in ("https", "http") if state.pending.endswith(s)), None)
    if scheme is None or state.pending.removesuffix(scheme)[-1:].isalnum():
        return False
    start = state.pos - len(scheme)
    found = _LINK.match(state.src, start, state.posMax)
    if found is None:
        return False
    if not silent:
        state.pending = state.pending.removesuffix(scheme)
    return _add(state, {"t": "a", "href": found[0], "c": [found[0]]}, found.end(), silent=silent)


# -- from tokens to the tree -------------------------------------------------------------


def _nodes(tokens: Sequence[Token]) -> list[Node]:
    """Builds the tree of a run of tokens."""
    stack: list[list[Node]] = [[]]
    for token in tokens:
        if token.nesting == 1:
            node = _opened(token)
            stack[-1].append(node)
            stack.append(node["c"])
        elif token.nesting == -1:
            stack.pop()
        elif token.type == "inline":
            stack[-1] += _nodes(token.children or [])
        elif (leaf := _leaf(token)) != "":
            stack[-1].append(leaf)
    return stack[0]


def _opened(token: Token) -> Json:
    """Makes the node that a token opens."""
    if token.type == "own_open":
        return {**token.meta, "c": []}
    if token.type == "link_open":
        return {"t": "a", "href": token.attrs["href"], "c": []}
    if token.type == "strong_open":
        return {"t": "u" if token.markup == "__" else "b", "c": []}
    node: dict[str, Any] = {"t": _TAGS[token.tag], "c": []}
    if "start" in token.attrs:
        node["start"] = token.attrs["start"]
    return node


def _leaf(token: Token) -> Node:
    """Makes the node of a token that holds no others."""
    if token.type == "own":
        return token.meta
    if token.type == "code_inline":
        return {"t": "code", "text": token.content}
    if token.type in ("softbreak", "hardbreak"):
        return {"t": "br"}
    return token.content
