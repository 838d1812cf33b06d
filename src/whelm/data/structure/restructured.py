"""Blocks of reStructuredText and of docstrings, which borrow its manners.

Levels of titles follow from the order in which their adornments appear (docutils' rule). Literal blocks after "::",
code directives and doctests are code; grid and simple tables are tables; field lists, and a term above an indented
text, are definitions. Directives that describe an object (`.. function:: copy(x)`) open a section of their own, closed
when the indentation ends. What a directive holds is read like other text, so nothing of it is lost.
"""

from __future__ import annotations

import re

from whelm.data.structure.lines import Outline, indent_of
from whelm.data.structure.plain import underline_of, underline_only

__all__ = ["docstring_blocks", "restructured_blocks"]

_ITEM = re.compile(r"[ \t]*(?:[-*+•‣⁃]|#\.|\(?(?:\d{1,4}|[a-zA-Z]|[ivxlc]{1,6})[.)])[ \t]+\S")
_EXPLICIT = re.compile(r"[ \t]*\.\.(?:[ \t]+|$)")
_DIRECTIVE = re.compile(r"[ \t]*\.\.[ \t]+([\w:+.-]{1,60}?)::(?:[ \t]+(.{0,400}))?")
_FIELD = re.compile(r"[ \t]*:(?![: ])[^:\n]{1,80}:(?:[ \t]|$)")
_SIMPLE_TABLE = re.compile(r"[ \t]*=+(?:[ \t]+=+)+[ \t]*$")
_GRID = re.compile(r"[ \t]*\+[-=+]{3,}")
_CODE_LINE = re.compile(
    r"::=|[\w\])\"'] ?[-+*/|]?= ?[\w\[({\"'-]|^\s*[\w.]+\(.*\)\s*(?:#.*)?$|"
    r"^\s*(?:>>>|\.\.\.|[#$@] ?\w|import |from \w+ import|return\b|"
    r"(?:if|for|while|with|def|class|async|match|case)\b.*:\s*$|(?:try|else|finally|except.*):\s*$)|^\s*\| "
)
_HEADER = re.compile(r"[A-Z][\w-]{1,30}:(?:[ \t]|$)")

_CODE = frozenset(
    "code code-block sourcecode highlight parsed-literal productionlist doctest testcode testoutput "  # noqa: SIM905
    "testsetup literalinclude "
    "math raw prompt ipython console graphviz digraph".split()
)
_TABLES = frozenset({"table", "list-table", "csv-table", "tabularcolumns"})
_OBJECTS = frozenset(
    "function class method attribute data exception decorator classmethod staticmethod module option "  # noqa: SIM905
    "envvar opcode macro "
    "type struct member var cmdoption program property automodule autoclass autofunction".split()
)
OBJECT_LEVEL = 100  # sections of objects lie below all titled ones


def restructured_blocks(outline: Outline) -> None:
    """Fill the outline from reStructuredText lines."""
    _Parser(outline).run(_mail_header(outline))


def docstring_blocks(outline: Outline) -> None:
    """Fill the outline from a docstring whose first paragraph may be a signature."""
    lines = outline.lines
    at = 0
    while at < len(lines) and outline.blank(at):
        at += 1
    head = lines[at][:400] if at < len(lines) else ""
    if "(" in head and " " not in head.split("(", 1)[0].removeprefix("class ") and not underline_only(head.strip()):
        end = at
        while end + 1 < len(lines) and not outline.blank(end + 1) and not lines[end].rstrip().endswith(")"):
            end += 1
        outline.add("definition", at, end)
        at = end + 1
    _Parser(outline, plain=True).run(at)


def _mail_header(outline: Outline) -> int:
    """The `Key: value` lines that open a PEP, as one definition; the line after them."""
    lines = outline.lines
    end = 0
    while end < min(len(lines), 60) and not outline.blank(end):
        if not _HEADER.match(lines[end][:40]) and not (end and lines[end][0] in " \t"):
            return 0
        end += 1
    if end < 2:
        return 0
    outline.add("definition", 0, end - 1)
    return end


class _Parser:
    def __init__(self, outline: Outline, plain: bool = False) -> None:
        self.outline = outline
        self.plain = plain  # without "::": what is indented and looks like code is code
        self.lines = outline.lines
        self.styles: list[str] = []
        self.objects: list[int] = []  # columns of the open object directives

    def run(self, at: int) -> None:
        lines = self.lines
        while at < len(lines):
            line = lines[at]
            if not line or line.isspace():
                at += 1
                continue
            head = line[:400]
            if self.objects and indent_of(head) <= self.objects[-1]:
                self._close_objects(indent_of(head))
            at = self._heading(at) or self._special(at, head) or self._text(at, head)

    def _close_objects(self, column: int) -> None:
        while self.objects and column <= self.objects[-1]:
            self.outline.close(OBJECT_LEVEL + self.objects.pop())

    def _heading(self, at: int) -> int:
        lines, line = self.lines, self.lines[at]
        if len(line) > 300 or at + 1 >= len(lines):
            return 0
        text = line.rstrip()
        if at + 2 < len(lines) and len(text) >= 3 and underline_only(text):
            title, below = lines[at + 1].strip(), lines[at + 2].rstrip()
            if title and below == text and not underline_only(title) and len(title) <= len(text) + 2:
                self._add_heading(at, at + 2, text[0] * 2, title)
                return at + 3
            return 0
        if mark := underline_of(line, lines[at + 1]):
            self._add_heading(at, at + 1, mark, text)
            return at + 2
        return 0

    def _add_heading(self, first: int, last: int, style: str, title: str) -> None:
        if style not in self.styles:
            self.styles.append(style)
        self._close_objects(-1)
        title = re.sub(r":[\w:+-]{1,30}:`([^`]{1,100})`", r"\1", title).replace("`", "").replace("*", "")
        self.outline.heading(first, last, self.styles.index(style) + 1, title)

    def _special(self, at: int, head: str) -> int:
        """The line after whatever begins here that is marked as such; 0 for running text."""
        first = head.lstrip()[:1]
        if first == "." and _EXPLICIT.match(head):
            return self._explicit(at, head)
        if first == ">" and head.lstrip().startswith(">>>"):
            return self._until_blank(at, "code")
        if first == ":" and _FIELD.match(head):
            return self._run_on(at, "definition", _FIELD.match)
        if first == "+" and _GRID.match(head):
            return self._until_blank(at, "table")
        if first == "=" and len(self.lines[at]) < 400 and _SIMPLE_TABLE.match(head):
            return self._simple_table(at)
        if first == "|" and head.lstrip()[1:2] in (" ", ""):
            return self._until_blank(at, "paragraph")
        if _ITEM.match(head):
            return self._run_on(at, "list", _ITEM.match)
        return 0

    def _explicit(self, at: int, head: str) -> int:
        """A directive, target, footnote or comment."""
        column = indent_of(head)
        match = _DIRECTIVE.match(head)
        name = match[1].rsplit(":", 1)[-1].lower() if match else ""
        if name in _CODE or name in _TABLES:
            end = self._indented_end(at + 1, column)
            self.outline.add("code" if name in _CODE else "table", at, end - 1)
            return end
        end = at + 1
        worded = not match or name in _OBJECTS or bool((match[2] or "").strip())
        # further signatures, options and the wrapped rest of a footnote or a note belong to the mark
        while end < len(self.lines) and not self.outline.blank(end) and indent_of(self.lines[end][:400]) > column:
            if worded or _FIELD.match(self.lines[end][:100]):
                end += 1
            else:
                break
        if match and name in _OBJECTS and (match[2] or "").strip():
            self._close_objects(column)
            title = re.split(r"\s->\s", match[2].strip().rstrip("\\"))[0]
            self.outline.heading(at, end - 1, OBJECT_LEVEL + column, title)
            self.objects.append(column)
        else:
            self.outline.add("paragraph", at, end - 1)
        return end

    def _text(self, at: int, head: str) -> int:
        """A paragraph, or a term with its definition; a literal block where it ends with "::"."""
        lines, column = self.lines, indent_of(head)
        if self.plain and column >= 3 and (end := self._plain_code(at, column)):
            return end
        end = at + 1
        while end < len(lines) and not self.outline.blank(end):
            if end + 1 < len(lines) and end > at and underline_of(lines[end], lines[end + 1]):
                break
            end += 1
        if end > at + 1 and indent_of(lines[at + 1][:400]) > column and not lines[at].rstrip().endswith("::"):
            whole = self._indented_end(at + 1, column)
            if whole - at <= 60 and not self._holds_marks(at + 1, whole):
                end = whole
            self.outline.add("definition", at, end - 1)
            return end
        self.outline.add("paragraph", at, end - 1)
        if lines[end - 1].rstrip().endswith("::"):
            literal = self._indented_end(end, column)
            if literal > end:
                self.outline.add("code", end, literal - 1)
                return literal
        return end

    def _plain_code(self, at: int, column: int) -> int:
        """The line after an indented block, if most of its lines look like code; else 0."""
        end = self._indented_end(at, column - 1)
        shown = [line for line in self.lines[at : min(end, at + 40)] if line.strip()]
        if 2 * sum(bool(_CODE_LINE.search(line[:400])) for line in shown) < len(shown):
            return 0
        self.outline.add("code", at, end - 1)
        return end

    def _holds_marks(self, first: int, end: int) -> bool:
        return any(_DIRECTIVE.match(line[:400]) or line.rstrip().endswith("::") for line in self.lines[first:end])

    def _indented_end(self, at: int, column: int) -> int:
        """The line after the last one that is indented deeper than `column`, blank ones between included."""
        end = last = at
        while end < len(self.lines):
            if not self.outline.blank(end):
                if indent_of(self.lines[end][:400]) <= column:
                    break
                last = end + 1
            end += 1
        return last

    def _until_blank(self, at: int, kind: str) -> int:
        end = at + 1
        while end < len(self.lines) and not self.outline.blank(end):
            end += 1
        self.outline.add(kind, at, end - 1)  # type: ignore[arg-type]
        return end

    def _run_on(self, at: int, kind: str, begins: object) -> int:
        """Items (lines that `begins` accepts) with what is indented below them."""
        lines, column = self.lines, indent_of(self.lines[at][:400])
        end = last = at + 1
        after_blank = False
        while end < len(lines):
            head = lines[end][:400]
            if self.outline.blank(end):
                after_blank = True
            else:
                deeper = indent_of(head) > column
                item = indent_of(head) == column and begins(head)  # type: ignore[operator]
                if not deeper and not item and (after_blank or kind == "definition" or _EXPLICIT.match(head)):
                    break
                if not deeper and not item and end + 1 < len(lines) and underline_of(lines[end], lines[end + 1]):
                    break
                after_blank = False
                last = end + 1
            end += 1
        self.outline.add(kind, at, last - 1)  # type: ignore[arg-type]
        return last

    def _simple_table(self, at: int) -> int:
        lines = self.lines
        for end in range(at + 1, min(len(lines), at + 2000)):
            line = lines[end]
            if len(line) < 400 and _SIMPLE_TABLE.match(line) and (end + 1 == len(lines) or self.outline.blank(end + 1)):
                self.outline.add("table", at, end)
                return end + 1
        return self._until_blank(at, "table")
