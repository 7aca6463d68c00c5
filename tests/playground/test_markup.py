"""Discord's Markdown as the page is given it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bot.playground.markup import LONGEST, Node, tree_of

KINDS = {
    "p", "h1", "h2", "h3", "small", "quote", "ul", "ol", "li", "pre", "b", "i", "u", "s", "code",
    "spoiler", "a", "br", "time", "user", "role", "channel", "command", "emoji", "everybody",
}  # fmt: skip


def short(node: Node) -> Any:
    """Writes a tree as nested tuples, to be read in a test."""
    if isinstance(node, str):
        return node
    rest = [value for key, value in node.items() if key not in ("t", "c")]
    return (node["t"], *rest, *map(short, node.get("c", ())))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("**b** *i* _i_ __u__ ~~s~~", ("p", ("b", "b"), " ", ("i", "i"), " ", ("i", "i"), " ", ("u", "u"), " ", ("s", "s"))),  # noqa: E501
        ("||a **b**|| |c|", ("p", ("spoiler", "a ", ("b", "b")), " |c|")),
        ("`**a**` \\*b\\*", ("p", ("code", "**a**"), " *b*")),
        ("a\nb", ("p", "a", ("br",), "b")),
        ("## Two", ("h2", "Two")),
        ("#### four", ("p", "#### four")),
        ("-# less", ("small", "less")),
        ("```py\nx = '**'\n\ny\n```", ("p", ("pre", "py", "x = '**'\n\ny"))),
        ("a ```b``` c", ("p", "a ", ("pre", "", "b"), " c")),
        ("> ```\n> x\n> ```", ("quote", ("p", ("pre", "", "x")))),
        (">>> a\nb", ("quote", ("p", "a", ("br",), "b"))),
        ("[m](https://a.b/c)", ("p", ("a", "https://a.b/c", "m"))),
        ("(https://a.b/c_d?x=1).", ("p", "(", ("a", "https://a.b/c_d?x=1", "https://a.b/c_d?x=1"), ").")),  # noqa: E501
        ("<https://a.b>", ("p", ("a", "https://a.b", "https://a.b"))),
        ("[x](javascript:alert(1))", ("p", "[x](javascript:alert(1))")),
        ("<script>&amp;", ("p", "<script>&amp;")),
        ("<t:17:R> <t:17>", ("p", ("time", 17, "R"), " ", ("time", 17, "f"))),
        ("<@100000000000000011>", ("p", ("user", "100000000000000011"))),
        ("</model info:12>", ("p", ("command", "model info"))),
        ("@everyone", ("p", ("everybody", "everyone"))),
    ],
)  # fmt: skip
def test_one_block(text: str, tree: Any) -> None:
    assert [short(node) for node in tree_of(text)] == [tree]


def test_blocks_follow_each_other() -> None:
    text = "say\n- a\n  - b\n1. c\n> q\nnot\n```\nx\n```end"
    assert [short(node) for node in tree_of(text)] == [
        ("p", "say"),
        ("ul", ("li", ("p", "a"), ("ul", ("li", ("p", "b"))))),
        ("ol", ("li", ("p", "c"))),
        ("quote", ("p", "q")),
        ("p", "not"),
        ("p", ("pre", "", "x"), "end"),
    ]


def check(node: Node) -> None:
    if isinstance(node, str):
        return
    assert node["t"] in KINDS
    assert node["t"] != "a" or node["href"].startswith(("http://", "https://"))
    for child in node.get("c", ()):
        check(child)


MARKS = some.sampled_from(
    ["**", "__", "||", "~~", "`", "```", "> ", ">>> ", "- ", "\n", "# ", "-# ", "[", "](", ")",
     "<t:1:R>", "<", "https://", "javascript:", "a", " ", "@here", "\\", "\ue000", "\ue001", "0"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(some.lists(MARKS, max_size=40).map("".join))
def test_any_text_becomes_a_tree_of_known_kinds(text: str) -> None:
    for node in tree_of(text):
        check(node)
    json.dumps(tree_of(text))


def test_a_long_text_takes_no_long_time() -> None:
    for mark in ("*", "_a*", "[", "> ", "- ", "||a", "`", "<", "~~a", "[a]("):
        begun = time.perf_counter()
        tree_of(mark * LONGEST)
        assert time.perf_counter() - begun < 3


def test_a_line_that_is_not_indented_ends_a_list() -> None:
    nodes = tree_of("- a\n  still a\n- b\n**after**\n1. c\nend")
    assert [node["t"] for node in nodes if isinstance(node, dict)] == ["ul", "p", "ol", "p"]
