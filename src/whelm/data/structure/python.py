"""Blocks of Python source: signatures as headings, docstrings as paragraphs, the rest as code.

A small lexer finds strings, comments and brackets, so that `def` inside a string is none; classes and functions then
follow from lines and indentation. No `ast`: it refuses files with one syntax error or of another Python, and a
hostile file can exhaust it. One pass with a regular expression, linear.
"""

from __future__ import annotations

import re

from whelm.data.structure.lines import Outline, indent_of

__all__ = ["docstring_prose", "python_blocks"]

_TOKEN = re.compile(r"""\"{3}|'{3}|["'#()\[\]{}]""")
_STRING_END = {'"': re.compile(r'["\\\n]'), "'": re.compile(r"['\\\n]")}
_DEFINITION = re.compile(r"[ \t]*(?:async[ \t]+def|def|class)[ \t]+([^\W\d]\w*)")
_DOCSTRING = re.compile(r"[ \t]*[rRuUbBfF]{0,2}(\"{3}|'{3}|\"|')")


def python_blocks(outline: Outline) -> None:
    """Fill the outline from Python source."""
    lines = outline.lines
    strings, brackets, string_ends = _lex(outline)
    inside = strings | brackets
    opened: list[int] = []  # columns of the open definitions
    start = at = _docstring(outline, string_ends, 0, 0)
    while at < len(lines):
        line = lines[at]
        text = line[:400].strip()
        if not text or text[0] == "#" or at in strings or (at in brackets and not _resets(line)):
            at += 1
            continue
        column = indent_of(line[:400])
        if opened and column <= opened[-1]:
            _code(outline, start, at - 1)
            start = at
            while opened and column <= opened[-1]:
                opened.pop()
                outline.close(len(opened) + 1)
        below = _decorated(lines, at) if text[0] == "@" else at
        if below >= 0 and (match := _DEFINITION.match(lines[below][:400])):
            _code(outline, start, at - 1)
            end = _signature_end(lines, below, inside)
            outline.heading(at, end, len(opened) + 1, match[1])
            opened.append(column)
            start = at = _docstring(outline, string_ends, end + 1, column + 1)
        else:
            at += 1
    _code(outline, start, len(lines) - 1)


def docstring_prose(text: str, limit: int = 8000) -> str:
    """Docstrings and comments, to tell the human language of a source file."""
    found = re.findall(r'"""(.{10,2000}?)"""|^[ \t]*#+ ?([^\n!]{10,200})$', text[: 8 * limit], re.DOTALL | re.MULTILINE)
    return "\n".join(a or b for a, b in found)[:limit]


def _resets(line: str) -> bool:
    # an unbalanced bracket must not hide the rest of the file: a definition at the margin is one
    return line.startswith(("def ", "class ", "async def ")) and line.rstrip().endswith(":")


def _lex(outline: Outline) -> tuple[set[int], set[int], dict[int, int]]:
    """Lines that begin inside a string, or a bracket; and for lines where a string begins, the line where it ends."""
    text, starts = outline.text, outline.starts
    strings: set[int] = set()
    brackets: set[int] = set()
    ends: dict[int, int] = {}
    depth, position = 0, 0
    for number, line in enumerate(outline.lines):
        if position > starts[number]:
            strings.add(number)
        elif depth:
            brackets.add(number)
            depth = 0 if _resets(line) else depth
        position = max(position, starts[number])
        line_end = starts[number] + len(line)
        while position < line_end and (match := _TOKEN.search(text, position, line_end)):
            token = match[0]
            if token == "#":
                position = line_end
            elif len(token) == 3 or token in "\"'":
                position = _string_end(text, match.end(), token)
                last = number
                while last + 1 < len(outline.lines) and starts[last + 1] < position:
                    last += 1
                ends.setdefault(number, last)
                if position > line_end:
                    break
            else:
                depth = depth + 1 if token in "([{" else max(0, depth - 1)
                position = match.end()
        else:
            position = max(position, line_end)
    return strings, brackets, ends


def _string_end(text: str, position: int, quote: str) -> int:
    """Where a string that was opened before `position` is closed."""
    if len(quote) == 3:
        while (found := text.find(quote, position)) >= 0:
            slashes = 0
            while slashes < 1000 and text[found - 1 - slashes] == "\\":
                slashes += 1
            if slashes % 2 == 0:
                return found + 3
            position = found + 1
        return len(text)
    while match := _STRING_END[quote].search(text, position):
        if match[0] != "\\":
            return match.end() if match[0] == quote else match.start()
        position = match.end() + 1
    return len(text)


def _decorated(lines: list[str], at: int) -> int:
    """The line of the definition below decorators, or -1."""
    for number in range(at, min(at + 30, len(lines))):
        if _DEFINITION.match(lines[number][:400]):
            return number
        if not lines[number].strip():
            break
    return -1


def _signature_end(lines: list[str], at: int, inside: set[int]) -> int:
    end = at
    while end + 1 < len(lines) and end + 1 in inside and end - at < 80 and not _resets(lines[end + 1]):
        end += 1
    return end


def _docstring(outline: Outline, string_ends: dict[int, int], at: int, column: int) -> int:
    """Add the docstring that stands at `at`, a paragraph between blank lines each; the line after it."""
    lines = outline.lines
    first = at
    while first < len(lines) and (outline.blank(first) or (column == 0 and lines[first].lstrip().startswith("#"))):
        first += 1
    if first >= len(lines) or not _DOCSTRING.match(lines[first][:200]) or indent_of(lines[first][:200]) < column:
        return at
    last = string_ends.get(first, first)
    if first > at:
        _code(outline, at, first - 1)
    begin = first
    for number in range(first, last + 1):
        if outline.blank(number) and begin <= number:
            if number > begin:
                outline.add("paragraph", begin, number - 1)
            begin = number + 1
    if begin <= last:
        outline.add("paragraph", begin, last)
    return last + 1


def _code(outline: Outline, first: int, last: int) -> None:
    if first <= last and any(not outline.blank(number) for number in range(first, last + 1)):
        outline.add("code", first, last)
