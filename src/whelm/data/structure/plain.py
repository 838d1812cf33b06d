"""Blocks of plain text (paragraphs, and headings by what they look like) and of CSV (a block a row).

A line of a plain text is a heading if it is underlined, or stands alone between blank lines, is short, and is numbered
("2.3 Setting up"), named ("Chapter IV. The ship", "第三章") or in capitals. Rules err on the side of paragraphs: a
false heading would name the wrong section in every citation under it.
"""

from __future__ import annotations

import re

from whelm.data.structure.lines import Outline

__all__ = ["csv_blocks", "plain_blocks", "underline_of"]

_UNDERLINE = re.compile(r"([=\-~*^#+\"'`_:.])\1{2,}[ \t]*$")
_NUMBERED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,5})\.?[ \t]+(?=[^\W\d_])")
_NAMED = re.compile(
    r"(?:chapter|part|book|section|appendix|kapitel|teil|anhang|abschnitt|chapitre|partie|capítulo|capitolo|parte|§)"
    r"[ \t]+(?:[ivxlcdm]{1,8}|\d{1,3}|[a-z])\b|第[0-9一二三四五六七八九十百零〇]{1,5}[章节節回部編篇]",
    re.IGNORECASE,
)
_BULLET = re.compile(r"[ \t]*(?:[-*+•‣◦·–—]|\d{1,3}[.)]|[a-z]\)|\(\w{1,3}\))[ \t]+\S")
_SENTENCE_END = tuple(".!?,;:。！？，；：")


def plain_blocks(outline: Outline) -> None:
    """Fill the outline from paragraphs between blank lines."""
    lines = outline.lines
    count = len(lines)
    underlines: list[str] = []
    at = 0
    while at < count:
        if outline.blank(at):
            at += 1
            continue
        end = at + 1
        while end < count and not outline.blank(end):
            mark = underline_of(lines[end - 1], lines[end])
            if mark and end - 1 == at:
                if mark not in underlines:
                    underlines.append(mark)
                outline.heading(at, end, underlines.index(mark) + 1, lines[at].strip())
                at = end + 1
                break
            end += 1
        else:
            _between_blanks(outline, at, end - 1)
            at = end


def csv_blocks(outline: Outline) -> None:
    """One block a row; a row goes on over line ends while a quotation is open."""
    first, quotes = 0, 0
    for number, line in enumerate(outline.lines):
        quotes += line.count('"')
        # a quotation that never closes must not swallow the file
        if quotes % 2 == 0 or number - first >= 200:
            outline.add("table", first, number)
            first, quotes = number + 1, 0
    if first < len(outline.lines):
        outline.add("table", first, len(outline.lines) - 1)


def underline_of(title: str, line: str) -> str:
    """The character that underlines `title`, or nothing."""
    if not line or len(line) > 300 or line[0].isalnum() or not (match := _UNDERLINE.match(line)):
        return ""
    width = len(line.rstrip())
    text = title.strip()
    if not text or len(text) > 200 or title[0] in " \t" or not 0.8 * len(text) <= width <= 3 * len(text) + 4:
        return ""
    return "" if underline_only(text) else match[1]


def underline_only(text: str) -> bool:
    """Whether a line is one punctuation character repeated."""
    return len(text) >= 2 and not text[0].isalnum() and not text.strip(text[0])


def _between_blanks(outline: Outline, first: int, last: int) -> None:
    lines = outline.lines
    if first == last:
        level = _heading_level(lines[first])
        if level:
            outline.heading(first, first, level, lines[first].strip())
            return
    if _BULLET.match(lines[first][:200]):
        outline.add("list", first, last)
        return
    # an introducing line may be followed by bullets without a blank line between
    bullet = next((n for n in range(first + 1, last + 1) if _BULLET.match(lines[n][:200])), 0)
    if bullet and sum(1 for n in range(bullet, last + 1) if _BULLET.match(lines[n][:200])) >= 2:
        outline.add("paragraph", first, bullet - 1)
        outline.add("list", bullet, last)
    else:
        outline.add("paragraph", first, last)


def _heading_level(line: str) -> int:
    if len(line) > 200:
        return 0
    text = line.strip()
    if len(text) < 2 or len(text) > 90:
        return 0
    if _NAMED.match(text):
        return 1
    if text.endswith(_SENTENCE_END) and not text.isupper():
        return 0
    if (match := _NUMBERED.match(text)) and len(text.split()) <= 12:
        return match[1].count(".") + 1
    words = text.split()
    letters = sum(character.isalpha() for character in text)
    return 2 if text.isupper() and letters >= 4 and letters > 0.6 * len(text) and len(words) <= 10 else 0
