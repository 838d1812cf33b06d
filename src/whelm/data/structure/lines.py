"""What all parsers of structure share: a text as lines, and the outline that collects blocks of whole lines.

Parsers work on line numbers only; `Outline.add` turns a range of lines into exact offsets and keeps the path of
headings. Lines end at "\\n" alone: form feeds and the like belong to the text. Every line that is not blank must be
added exactly once, in order; `add` asserts the order, `tests/data` the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

__all__ = ["Block", "Kind", "Outline", "indent_of"]

Kind = Literal["heading", "paragraph", "list", "code", "table", "definition"]

# what a heading path shows of a title: a hostile "title" of megabytes must not be copied into every block
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Block:
    """A span of a document's text of one kind."""

    kind: Kind
    start: int
    end: int
    headings: tuple[str, ...] = ()
    level: int = 0  # of a heading, from 1; 0 for all else


class Outline:
    """Lines of a text and the blocks found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        self.blocks: list[Block] = []
        self.path: tuple[str, ...] = ()
        self._levels: list[int] = []
        self._next = 0

    def add(self, kind: Kind, first: int, last: int) -> None:
        """Lines first..last, both included; blank ones at either end are left out."""
        self._append(kind, first, last, 0)

    def heading(self, first: int, last: int, level: int, title: str) -> None:
        """A heading of these lines; it closes all open sections of its level or deeper."""
        while self._levels and self._levels[-1] >= level:
            self._levels.pop()
        self.path = (*self.path[: len(self._levels)], " ".join(title[:MAX_TITLE].split()))
        self._levels.append(level)
        self._append("heading", first, last, level)

    def close(self, level: int) -> None:
        """Close all open sections of this level or deeper."""
        while self._levels and self._levels[-1] >= level:
            self._levels.pop()
        self.path = self.path[: len(self._levels)]

    def blank(self, line: int) -> bool:
        """Whether a line holds white space alone."""
        text = self.lines[line]
        return not text or text.isspace()

    def _append(self, kind: Kind, first: int, last: int, level: int) -> None:
        assert first >= self._next, "blocks must come in order"
        self._next = last + 1
        lines = self.lines
        while last >= first and self.blank(last):
            last -= 1
        while first <= last and self.blank(first):
            first += 1
        if first > last:
            return
        start, end = self.starts[first], self.starts[last] + len(lines[last].rstrip())
        if kind in ("paragraph", "heading"):  # elsewhere indentation says something
            start += len(lines[first]) - len(lines[first].lstrip())
        self.blocks.append(Block(kind, start, end, self.path, level))


def indent_of(line: str) -> int:
    """Columns of white space before the text; a tab reaches the next multiple of 4."""
    width = 0
    for character in line:
        if character == " ":
            width += 1
        elif character == "\t":
            width += 4 - width % 4
        else:
            break
    return width
