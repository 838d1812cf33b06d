"""Blocks of Markdown: CommonMark's block structure (0.31) with tables, definition lists and front matter.

Headings are ATX (`## Title`), setext (underlined) and `<h1>` lines; code is fenced or indented. A list is one block
with all its items, their paragraphs and their code, so that it can be kept whole. Inline markup is not parsed, but a
heading's title is freed of it. The readers of html, pdf, docx and ipynb write this dialect.
"""

from __future__ import annotations

import re

from whelm.data.structure.lines import Outline, indent_of

__all__ = ["markdown_blocks", "plain_title"]

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_QUOTED_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\S|$)")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_BREAK = re.compile(r" {0,3}(?:(?:\*[ \t]?){3,}|(?:-[ \t]?){3,}|(?:_[ \t]?){3,})$")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t:]*-[-| \t:]*$")
_HTML_HEADING = re.compile(r"[ \t]*<h([1-6])[\s>]", re.IGNORECASE)
_DEFINITION = re.compile(r" {0,3}:[ \t]+\S")
_FRONT_KEY = re.compile(r"[A-Za-z_][\w .-]{0,60}\s*[:=]")
_TAG = re.compile(r"<[^<>]{0,300}>")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\](?:\([^()\s]{0,500}(?:\s+\"[^\"]{0,200}\")?\)|\[[^\[\]]{0,100}\])")
_ATTRIBUTES = re.compile(r"\s*\{[^{}]{0,200}\}\s*$")

# characters that can begin something other than a paragraph
_SPECIAL = frozenset("#`~-*+_=|<>:0123456789 \t")


def markdown_blocks(outline: Outline) -> None:
    """Fill the outline from its Markdown lines."""
    lines = outline.lines
    at = _front_matter(outline)
    count = len(lines)
    while at < count:
        line = lines[at]
        if not line or line.isspace():
            at += 1
            continue
        if line[0] in _SPECIAL or "|" in line[:400]:
            end = _special(outline, at)
            if end:
                at = end
                continue
        at = _paragraph(outline, at)


def plain_title(title: str) -> str:
    """A heading's title without links, emphasis, code marks, tags and attributes."""
    title = title[:1000].strip()
    title = _ATTRIBUTES.sub("", title)
    title = _LINK.sub(r"\1", title)
    title = _TAG.sub("", title)
    title = title.replace("`", "").replace("**", "").replace("\\", "")
    if len(title) > 2 and title[0] == title[-1] and title[0] in "*_":
        title = title[1:-1]
    return title.strip()


def _special(outline: Outline, at: int) -> int:
    """The line after the block that begins here, if it is anything but a paragraph; else 0."""
    lines = outline.lines
    line = lines[at]
    head = line[:400]
    if match := _ATX.match(head):
        title = line.strip().strip("#") if len(line) < 2000 else head
        outline.heading(at, at, len(match[1]), plain_title(title))
        return at + 1
    if match := _FENCE.match(head):
        return _fenced(outline, at, match[1])
    if match := _HTML_HEADING.match(head):
        outline.heading(at, at, int(match[1]), plain_title(line))
        return at + 1
    if indent_of(head) >= 4 and not _ITEM.match(head):
        return _indented(outline, at)
    if len(line) < 400 and _BREAK.match(line):
        outline.add("paragraph", at, at)
        return at + 1
    if _ITEM.match(head):
        return _list(outline, at)
    if head.lstrip().startswith(">"):
        return _quote(outline, at)
    if "|" in head and at + 1 < len(lines) and _is_delimiter(lines[at + 1]):
        return _table(outline, at)
    return 0


def _front_matter(outline: Outline) -> int:
    lines = outline.lines
    mark = lines[0].rstrip() if lines and len(lines[0]) < 10 else ""
    if mark not in ("---", "+++"):
        return 0
    for end in range(1, min(len(lines), 200)):
        if lines[end][:10].rstrip() in (mark, "..."):
            if any(_FRONT_KEY.match(line[:80]) for line in lines[1:end]):
                outline.add("code", 0, end)
                return end + 1
            return 0
        if not lines[end].strip():
            return 0
    return 0


def _fenced(outline: Outline, at: int, fence: str) -> int:
    lines = outline.lines
    for end in range(at + 1, len(lines)):
        if _closes(lines[end], fence):
            outline.add("code", at, end)
            return end + 1
    outline.add("code", at, len(lines) - 1)
    return len(lines)


def _closes(line: str, fence: str) -> bool:
    text = line[:400].strip(" \t>")
    return len(text) >= len(fence) and len(line) < 400 and not text.strip(fence[0])


def _indented(outline: Outline, at: int) -> int:
    lines = outline.lines
    last = end = at
    while end < len(lines):
        line = lines[end]
        if outline.blank(end):
            end += 1
        elif indent_of(line[:8]) >= 4:
            last = end
            end += 1
        else:
            break
    outline.add("code", at, last)
    return last + 1


def _is_delimiter(line: str) -> bool:
    return len(line) < 2000 and "-" in line and bool(_DELIMITER.match(line)) and ("|" in line or ":" in line)


def _table(outline: Outline, at: int) -> int:
    lines = outline.lines
    end = at + 2
    while end < len(lines) and not outline.blank(end) and "|" in lines[end]:
        end += 1
    outline.add("table", at, end - 1)
    return end


def _quote(outline: Outline, at: int) -> int:
    lines = outline.lines
    end = at + 1
    while end < len(lines) and lines[end][:400].lstrip().startswith(">"):
        end += 1
    outline.add("paragraph", at, end - 1)
    return end


def _list(outline: Outline, at: int) -> int:
    """A list runs on over blank lines as long as an indented line or an item of it follows."""
    lines = outline.lines
    base = indent_of(lines[at][:400])
    ordered = lines[at].lstrip()[:1].isdigit()
    last, end, fence = at, at + 1, ""
    after_blank = False
    while end < len(lines):
        line = lines[end][:400]
        if fence:
            if _closes(lines[end], fence):
                fence = ""
            last = end
            end += 1
            continue
        if outline.blank(end):
            after_blank = True
            end += 1
            continue
        indent = indent_of(line)
        item = _ITEM.match(line) and not (len(line) < 400 and _BREAK.match(line))
        if item and indent <= base and line.lstrip()[:1].isdigit() != ordered:
            break
        if after_blank and not item and indent < base + 2:
            break
        if not item and indent <= base and (_ATX.match(line) or _FENCE.match(line) or _BREAK.match(line)):
            break
        if match := _FENCE.match(line):
            fence = match[1]
        after_blank = False
        last = end
        end += 1
    outline.add("list", at, last)
    return last + 1


def _paragraph(outline: Outline, at: int) -> int:
    """A paragraph ends at a blank line or where something else begins; an underline makes it a heading."""
    lines = outline.lines
    end = at + 1
    while end < len(lines):
        line = lines[end]
        if not line or line.isspace():
            break
        first = line[0]
        if first in _SPECIAL:
            head = line[:400]
            match = _SETEXT.match(head) if first in "=- " and len(line) < 400 else None
            if match and end - at <= 2:
                title = plain_title(" ".join(lines[at:end]))
                outline.heading(at, end, 1 if match[1][0] == "=" else 2, title)
                return end + 1
            if first == ":" and _DEFINITION.match(head):
                return _definition(outline, at, end)
            if _ATX.match(head) or _QUOTED_FENCE.match(head) or _HTML_HEADING.match(head) or head[0] == ">":
                break
            if _interrupts(line, head):
                break
        if "|" in line[:400] and end + 1 < len(lines) and _is_delimiter(lines[end + 1]):
            break
        end += 1
    outline.add("paragraph", at, end - 1)
    return end


def _interrupts(line: str, head: str) -> bool:
    """Whether a line begins a list or a break in the middle of a paragraph (a number other than 1 does not)."""
    if len(line) < 400 and _BREAK.match(line):
        return True
    if indent_of(head) >= 4 or not _ITEM.match(head):
        return False
    text = head.lstrip()
    return not text[0].isdigit() or text.startswith(("1. ", "1) "))


def _definition(outline: Outline, at: int, end: int) -> int:
    """A term with its definitions: lines that begin with ":" and what is indented below them."""
    lines = outline.lines
    last = end
    while end < len(lines):
        head = lines[end][:400]
        if outline.blank(end):
            following = end + 1
            if following < len(lines) and (_DEFINITION.match(lines[following][:400]) or lines[following][:4] == "    "):
                end += 1
                continue
            break
        if not _DEFINITION.match(head) and lines[end - 1].strip() == "" and head[:2] != "  ":
            break
        last = end
        end += 1
    outline.add("definition", at, last)
    return last + 1
