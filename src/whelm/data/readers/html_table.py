"""Tables of a page: told from layout, and written as rows of cells between bars.

A table is data unless it holds another table, headings, code of several lines or very long cells, or has one column.
Cells that span rows are repeated in each, so that a row can be read and quoted alone.
"""

from __future__ import annotations

import re

from lxml import etree

from whelm.data.readers.html_content import Content

__all__ = ["ADMONITION", "in_admonition", "is_data_table", "table_lines"]

ADMONITION = re.compile(
    r"(?:^|\s)(?:admonition|note|tip|warning|caution|important|hint|danger|attention|seealso)(?:\s|$)"
)
_SPACE = re.compile(r"\s+")
_MAX_CELL = 1500
_MAX_SPAN = 60
_MAX_COLUMNS = 60


def is_data_table(table: etree._Element, content: Content) -> bool:
    """Whether the cells of a table belong side by side."""
    if table.get("role") in ("presentation", "none") or in_admonition(table):
        return False
    columns = 0
    for element in table.iter("table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "tr", "td", "th", "section"):
        tag = element.tag
        if element is table:
            continue
        if tag == "pre":
            if "\n" in "".join(element.itertext()).strip():
                return False
        elif tag == "tr":
            columns = max(columns, sum(1 for cell in element if cell.tag in ("td", "th")))
        elif tag in ("td", "th"):
            if content.lengths.get(element, 0) > _MAX_CELL:
                return False
        else:
            return False
    return columns >= 2


def in_admonition(table: etree._Element) -> bool:
    """Whether a table only draws the frame of a note or warning, as DocBook does."""
    parent = table.getparent()
    return parent is not None and ADMONITION.search((parent.get("class") or "")[:200]) is not None


def table_lines(table: etree._Element, content: Content) -> list[str]:
    """The caption, the first row, a line of dashes, and the other rows."""
    rows: list[list[str]] = []
    caption = ""
    carried: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    for element in table.iter("caption", "tr"):
        if content.dropped(element) or any(content.dropped(a) for a in _between(element, table)):
            continue
        if element.tag == "caption":
            caption = _text(element, content)
            continue
        row: list[str] = []
        for cell in element:
            if cell.tag not in ("td", "th") or content.dropped(cell):
                continue
            _carry(row, carried)
            text = _text(cell, content)
            width = _span(cell.get("colspan", "1"))
            height = _span(cell.get("rowspan", "1"))
            for extra in range(width):
                if len(row) >= _MAX_COLUMNS:
                    break
                if height > 1:
                    carried[len(row)] = (height - 1, text if extra == 0 else "")
                row.append(text if extra == 0 else "")
        _carry(row, carried)
        if any(row):
            rows.append(row)
    if not rows:
        return [caption] if caption else []
    width = max(len(row) for row in rows)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return [caption, "", *lines] if caption else lines


def _between(element: etree._Element, table: etree._Element) -> list[etree._Element]:
    found = []
    for ancestor in element.iterancestors():
        if ancestor is table:
            break
        found.append(ancestor)
    return found


def _carry(row: list[str], carried: dict[int, tuple[int, str]]) -> None:
    while len(row) in carried and len(row) < _MAX_COLUMNS:
        column = len(row)
        left, text = carried[column]
        row.append(text)
        if left > 1:
            carried[column] = (left - 1, text)
        else:
            del carried[column]


def _span(value: str) -> int:
    value = value.strip()[:4]
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1


def _text(cell: etree._Element, content: Content) -> str:
    from whelm.data.readers.html_writer import collapse

    parts: list[str] = []
    walker = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walker:
        if event == "start":
            if element is not cell and content.dropped(element):
                walker.skip_subtree()
                continue
            if element.tag in ("br", "p", "div", "li", "dd", "dt"):
                parts.append(" ")
            if element.text:
                parts.append(element.text)
        elif element is not cell and element.tail:
            parts.append(element.tail)
    return _SPACE.sub(" ", collapse("".join(parts)))
