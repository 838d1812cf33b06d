"""Lines of pages to Markdown-like text: which lines make a paragraph, a heading, a list item, code.

A line goes on in the next one unless the gap grows, the font changes, the line ends short, or an item begins. Bookmarks
name headings exactly; without them, larger or bold short lines are headings. A hyphen at a line's end is dropped where
the joined word is used elsewhere in the document, kept where the hyphenated one is, dropped otherwise. A paragraph that
a page cuts in two goes on after the page's start, so that page numbers stay exact.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

__all__ = ["Line", "Page", "write_pages"]

_BULLET = re.compile(r"[ \t]*(?:([•●▪■◦‣–∙·]|\uf0b7|\uf0a7|[-*])|(\(?(?:\d{1,3}|[a-z])[.)]))[ \t]+(?=\S)")
_CJK_END = re.compile("[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]$")
_CJK_START = re.compile("^[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN = re.compile("([^\\W\\d_]+)\x02([^\\W\\d_]+)")
_PAGE_NUMBER = re.compile(r"^\s*(\d{1,4})(?:\s|$)|(?:^|\s)(\d{1,4})\s*$")
_SENTENCE_END = tuple(".!?:;。！？：；")


@dataclass(slots=True)
class Line:
    """A line of a page; places in points, 0 where unknown."""

    text: str
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    size: float = 0.0
    mono: bool = False
    bold: bool = False
    hyphen: bool = False
    level: int = 0  # of a heading, set here


@dataclass(slots=True)
class Page:
    """The lines of a page in reading order."""

    lines: list[Line] = field(default_factory=list)


def write_pages(pages: list[Page], outline: dict[tuple[int, str], int]) -> tuple[str, list[int], str]:
    """The text, the offset at which each page begins, and the first heading."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    _drop_running_lines(pages, body)
    _find_headings(pages, outline, body)
    words = Counter(
        word.lower() for page in pages for line in page.lines for word in _WORD.findall(line.text.rstrip("\x02"))
    )
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for page in pages:
        written = "\n\n".join(_blocks(page.lines, words))
        starts.append(length)
        if written:
            parts.append(written + "\n\n")
            length += len(parts[-1])
    text = "".join(parts).rstrip("\n")
    starts = [min(start, len(text)) for start in starts]
    heading = next((" ".join(line.text.split()) for page in pages for line in page.lines if line.level), "")
    return text, starts, heading[:200].rstrip("¶")


def _drop_running_lines(pages: list[Page], body: float) -> None:
    """Lines that stand at the edge of many pages, digits aside."""
    if len(pages) < 3:
        return
    _drop_numbered_lines(pages, body)
    seen = Counter((edge, _masked(line.text)) for page in pages for edge, line in _edges(page))
    need = max(3, 0.25 * sum(bool(page.lines) for page in pages) / 2)  # left and right pages differ
    for page in pages:
        drop = {id(line) for edge, line in _edges(page) if seen[edge, _masked(line.text)] >= need
                and len(page.lines) > 1}  # fmt: skip
        page.lines = [line for line in page.lines if id(line) not in drop]


def _drop_numbered_lines(pages: list[Page], body: float) -> None:
    """Lines at the edge that begin or end with the page's number: one constant away from its index, page after page."""
    found: dict[int, list[tuple[int, int]]] = {}  # page number less index -> (page, id of line)
    for index, page in enumerate(pages):
        for _, line in _edges(page):
            # a larger line is a heading with a number of its own
            match = _PAGE_NUMBER.search(line.text) if len(line.text) < 150 and line.size <= 1.1 * body else None
            if match:
                number = int(match[1] or match[2])
                found.setdefault(number - index, []).append((index, id(line)))
    need = max(3, 0.3 * len(pages))
    for places in found.values():
        if len({index for index, _ in places}) >= need:
            drop = {line for _, line in places}
            for index, _ in places:
                pages[index].lines = [line for line in pages[index].lines if id(line) not in drop]


def _edges(page: Page) -> list[tuple[str, Line]]:
    lines = page.lines
    return [("top", line) for line in lines[:2]] + [("bottom", line) for line in lines[2:][-2:]]


def _masked(text: str) -> str:
    return re.sub(r"\b[ivxlc]+\b$|\d+", "#", text.strip()[:200])


def _find_headings(pages: list[Page], outline: dict[tuple[int, str], int], body: float) -> None:
    for page in pages:
        _unmark_single_code_lines(page.lines)
    if outline:
        found = sum(_by_outline(page, number, outline) for number, page in enumerate(pages))
        if found >= 0.5 * len(outline):
            return
    candidates = [line for page in pages for line in page.lines if _looks_like_heading(line, body)]
    if not body or len(candidates) > 0.25 * sum(len(page.lines) for page in pages):
        return  # what is everywhere sets nothing apart
    larger = sorted({line.size for line in candidates if line.size > 1.08 * body}, reverse=True)[:4]
    for line in candidates:
        if not line.level:
            line.level = larger.index(line.size) + 1 if line.size in larger else min(6, len(larger) + 1)


def _unmark_single_code_lines(lines: list[Line]) -> None:
    """A line in the middle of a paragraph that happens to hold a long name in code type is no code."""
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if line.mono and not before.mono and not after.mono and abs(line.left - before.left) < line.size:
            close = (
                0 < before.bottom - line.bottom < 1.5 * line.size and 0 < line.bottom - after.bottom < 1.5 * line.size
            )
            line.mono = not close or before.text.rstrip().endswith(":")


def _by_outline(page: Page, number: int, outline: dict[tuple[int, str], int]) -> int:
    found = 0
    for at, line in enumerate(page.lines):
        title = re.sub(r"\s+", "", line.text).lower()
        level = outline.get((number, title)) or outline.get((number, title.lstrip("0123456789.")))
        if not level and at + 1 < len(page.lines):
            joined = title + re.sub(r"\s+", "", page.lines[at + 1].text).lower()
            if (number, joined) in outline:  # a title of two lines
                level = outline[number, joined]
                line.text = f"{line.text.rstrip()} {page.lines[at + 1].text.strip()}"
                page.lines[at + 1].text = ""
        if level:
            line.level = min(6, level)
            found += 1
    page.lines = [line for line in page.lines if line.text]
    return found


def _looks_like_heading(line: Line, body: float) -> bool:
    text = line.text.strip()
    if line.mono or not 2 < len(text) < 120 or text.endswith((".", ",", ";")) or not any(c.isalpha() for c in text):
        return False
    if line.size > 1.12 * body:
        return True
    return (
        line.bold and line.size >= 0.98 * body and len(text) < 80 and not _BULLET.match(text) and not text.endswith(":")
    )


def _blocks(lines: list[Line], words: Counter[str]) -> list[str]:
    blocks: list[str] = []
    gaps = [a.bottom - b.bottom for a, b in pairwise(lines) if 0 < a.bottom - b.bottom < 60]
    usual_gap = median(gaps) if gaps else 0.0
    right = sorted(line.right for line in lines)[int(0.9 * len(lines))] if lines else 0.0
    at = 0
    while at < len(lines):
        end = at + 1
        if lines[at].level:
            while end < len(lines) and _heading_goes_on(lines[end - 1], lines[end], usual_gap):
                end += 1
            title = " ".join(line.text.replace("\x02", "-").strip() for line in lines[at:end])
            blocks.append("#" * lines[at].level + " " + " ".join(title.split()).rstrip("¶"))
        elif lines[at].mono:
            while end < len(lines) and lines[end].mono and not lines[end].level:
                end += 1
            blocks.append(_code(lines[at:end], usual_gap))
        else:
            while end < len(lines) and _goes_on(lines[end - 1], lines[end], usual_gap, right):
                end += 1
            blocks.append(_joined(lines[at:end], words))
        at = end
    return _tight_lists([block for block in blocks if block])


def _heading_goes_on(line: Line, following: Line, usual_gap: float) -> bool:
    gap = line.bottom - following.bottom
    return following.level == line.level and 0 < gap < 1.7 * line.size and following.size == line.size and usual_gap > 0


def _goes_on(line: Line, following: Line, usual_gap: float, right: float) -> bool:
    if following.level or following.mono or _BULLET.match(following.text):
        return False
    if not line.size or not usual_gap:  # nothing is known but the text
        return len(line.text) > 40 and not line.text.rstrip().endswith(_SENTENCE_END)
    gap = line.bottom - following.bottom
    if gap < -2 * line.size:  # up again: a new column; a sentence may go on there
        return not line.text.rstrip().endswith(_SENTENCE_END)
    if gap > 1.35 * usual_gap and gap > 1.3 * line.size:
        return False
    if abs(following.size - line.size) > 0.15 * line.size:
        return False
    indented = following.left > line.left + 0.8 * line.size
    if indented and line.text.rstrip().endswith(_SENTENCE_END) and not _BULLET.match(line.text):
        return False
    short = right - line.right > 0.25 * max(1.0, right - line.left)
    return not (short and line.text.rstrip().endswith(_SENTENCE_END))


def _code(lines: list[Line], usual_gap: float) -> str:
    """A fence; columns come from positions, as pdfium drops the spaces that indent a line."""
    left = min(line.left for line in lines)
    widths = [(line.right - line.left) / len(line.text.strip()) for line in lines if len(line.text.strip()) > 3]
    width = max(1.0, median(widths) if widths else 0.6 * (lines[0].size or 10.0))
    rows: list[str] = []
    for number, line in enumerate(lines):
        if number and usual_gap and lines[number - 1].bottom - line.bottom > 1.8 * usual_gap:
            rows.append("")
        text = line.text.replace("\x02", "-").rstrip()
        rows.append(" " * min(60, round((line.left - left) / width)) + text.lstrip())
    fence = "```"
    body = "\n".join(rows)
    while fence in body:
        fence += "`"
    return f"{fence}\n{body}\n{fence}"


def _joined(lines: list[Line], words: Counter[str]) -> str:
    text = lines[0].text.strip()
    for line in lines[1:]:
        following = line.text.strip()
        if text.endswith("\x02") or (text.endswith(("-", "\u2010", "\u00ad")) and len(text) > 1 and text[-2].isalpha()
                                     and following[:1].islower()):  # fmt: skip
            text = _dehyphenated(text[:-1], following, words)
        elif _CJK_END.search(text) and _CJK_START.match(following):
            text += following
        else:
            text = f"{text} {following}"
    # pdfium joins some broken words itself, with its mark in the middle
    text = _BROKEN.sub(lambda match: _dehyphenated(match[1], match[2], words), text)
    text = re.sub(r"[ \t\u00a0]+", " ", text.replace("\x02", "-"))
    if match := _BULLET.match(text):
        marker = "-" if match[1] else match[2]
        if match[1] or match[2][:-1].isdigit():
            return f"{marker.lstrip('(') if marker != '-' else marker} {text[match.end() :]}"
    return text


def _dehyphenated(text: str, following: str, words: Counter[str]) -> str:
    head = re.search(r"[^\W\d_]+$", text)
    tail = re.match(r"[^\W\d_]+", following)
    if head and tail:
        whole, parted = (head[0] + tail[0]).lower(), f"{head[0]}-{tail[0]}".lower()
        if words[parted] > words[whole]:
            return f"{text}-{following}"
    return text + following


def _tight_lists(blocks: list[str]) -> list[str]:
    """Items that follow each other stand on following lines, as one list."""
    result: list[str] = []
    for block in blocks:
        item = _BULLET.match(block) is not None
        if item and result and _BULLET.match(result[-1].rsplit("\n", 1)[-1]) and not result[-1].startswith("```"):
            result[-1] += "\n" + block
        else:
            result.append(block)
    return result
