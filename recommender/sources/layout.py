"""A reader for the layout that stories' front matter really has, without libyaml.

Nearly every file is written by a program, one field a line: ``key: "text"``,
``key: word``, ``key:`` before an indented block, ``- `` before an entry.  What
such a line means takes one regular expression to see, at a fifth of
libyaml's time.  The reader understands a *subset* of YAML and nothing beside
it: at the first line that is not of this kind it gives up and says so, and
``strictyaml`` reads the document instead.  Where both read it they agree
(the tests hold them against each other, on generated documents and on real ones).
"""

from __future__ import annotations

import re
from typing import Any

MAX_DEPTH = 20
"""Deepest nesting of lists and mappings, the outermost counted."""

# What a quoted text may hold: no control character, and no line break of YAML's (U+0085, U+2028, U+2029 too).
_QUOTED = r"[^\"\\\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*+"
# What a bare word may hold after its first letter or digit: nothing that YAML gives a meaning.
_BARE = r"[\w .,'&+/!?()|%~$-]*+"
# Every alternative takes a whole line, so that no part of the text is passed over; the possessive quantifiers
# (*+, ?+) keep the time linear.
_LINE = re.compile(
    rf"""([ ]*+)                                      # 1 indentation
         (-[ ])?+                                     # 2 dash
         (?:([A-Za-z_]\w*+):(?:[ ]|(?=\n)))?+         # 3 key
         ("{_QUOTED}(?:\\["\\/]{_QUOTED})*+"          # 4 value, quoted
          |-?\w{_BARE}(?::\w{_BARE})*+)?+             #   or bare
         [ ]*+\n
        |(.+)\n                                       # 5 anything else""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)")
_NULLS = frozenset(("null", "Null", "NULL"))

_Node = dict[str, Any] | list[Any]
_Blocks = list[tuple[int, _Node]]
"""The blocks open at a line, outermost first, each with the column its lines begin at."""


class _UnusualError(Exception):
    """The document is not of this layout."""


def parse(text: str) -> dict[str, Any] | None:
    """Read the front matter of a story: strings, ``None``, lists and mappings of them.

    Args:
        text: the lines between the markers, the last with its line break.

    Returns:
        what ``strictyaml.parse`` would return, or ``None`` where the text is
        not of the usual layout (which is no error: ask ``strictyaml``).
    """
    try:
        return _mapping(text) or None
    except _UnusualError:
        return None


def _mapping(text: str) -> dict[str, Any]:
    root: dict[str, Any] = {}
    blocks: _Blocks = [(0, root)]
    mapping, column = root, 0  # the mapping that the last line was in, and where its keys begin
    waiting = ""  # the key that had no value on its line: the block below it may be its value
    for spaces, dash, key, value, other in _LINE.findall(text):
        if not (key or value):
            if other or dash or spaces:
                raise _UnusualError
            continue
        if waiting or dash or len(spaces) != column:
            node = _block(blocks, len(spaces), dash, waiting)
            mapping, column = (
                _entry(blocks, node, key, value) if isinstance(node, list) else (node, len(spaces))
            )
        waiting = "" if value else key
        if key in mapping:
            raise _UnusualError
        if key:
            mapping[key] = _scalar(value) if value else None
    return root


def _block(blocks: _Blocks, column: int, dash: str, waiting: str) -> _Node:
    """Return the list or mapping that a line belongs to, by where it begins."""
    outer, node = blocks[-1]
    if waiting and isinstance(node, dict) and (column > outer or (dash and column == outer)):
        inner: _Node = [] if dash else {}
        node[waiting] = inner
        _open(blocks, column, inner)
        return inner
    while blocks[-1][0] > column:
        blocks.pop()
    if not dash and blocks[-1][0] == column and isinstance(blocks[-1][1], list):
        blocks.pop()  # a list may stand under its key without indentation
    outer, node = blocks[-1]
    if outer != column or bool(dash) is not isinstance(node, list):
        raise _UnusualError
    return node


def _entry(blocks: _Blocks, entries: list[Any], key: str, value: str) -> tuple[dict[str, Any], int]:
    """Begin an entry of a list; return the mapping that it is, if it is one, and where its keys begin."""
    mapping: dict[str, Any] = {}
    if not key:
        entries.append(_scalar(value))
        return mapping, -1
    entries.append(mapping)
    column = blocks[-1][0] + 2
    _open(blocks, column, mapping)
    return mapping, column


def _open(blocks: _Blocks, column: int, node: _Node) -> None:
    blocks.append((column, node))
    if len(blocks) > MAX_DEPTH:
        raise _UnusualError


def _scalar(value: str) -> str | None:
    if value[0] == '"':
        text = value[1:-1]
        return _ESCAPED.sub(r"\1", text) if "\\" in text else text
    value = value.rstrip(" ")
    return None if value in _NULLS else value
