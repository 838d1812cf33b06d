"""Word documents: headings by style, lists by numbering, tables, code by style, footnotes; as Markdown-like text.

A docx is a zip of XML. Each part is read only up to a bound, whatever its header declares; the XML parser resolves no
entities and loads nothing. Deleted text, field codes and fallback drawings are left out, text of boxes is kept.
Paragraphs are read in the order of the body, without recursion.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field

from lxml import etree

from whelm.data.readers.encoding import normalize_newlines
from whelm.data.readers.extract import Declined, Extract, Limits, megabytes

__all__ = ["read_docx"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DC = "{http://purl.org/dc/elements/1.1/}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_CODE_STYLE = re.compile(r"code|source|preformatted|macro|listing|verbatim|console|terminal|monospace", re.IGNORECASE)
_MAX_COLUMNS = 60


@dataclass(slots=True)
class _Style:
    level: int = 0  # of a heading
    code: bool = False
    numbering: tuple[str, str] = ("", "")  # numId, ilvl
    base: str = ""


@dataclass(slots=True)
class _Paragraph:
    text: str = ""
    level: int = 0
    code: bool = False
    item: str = ""  # marker of a list item, with its indentation


@dataclass(slots=True)
class _Package:
    styles: dict[str, _Style] = field(default_factory=dict)
    bullets: dict[tuple[str, str], bool] = field(default_factory=dict)  # (numId, ilvl) -> bullet rather than number
    counters: dict[tuple[str, int], int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)


def read_docx(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """One text of the body, titled by the document's properties or its first heading."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise Declined("encrypted", "a Word document with a password")
        raise Declined("unreadable", "an old Word document (.doc) under the name .docx")
    parts = _open(content, limits)
    body = _parse(parts.read("word/document.xml"))
    if body is None:
        raise Declined("unreadable", "a zip archive without word/document.xml")
    package = _Package()
    _read_styles(package, _parse(parts.read("word/styles.xml")))
    _read_numbering(package, _parse(parts.read("word/numbering.xml")))
    _read_notes(package, _parse(parts.read("word/footnotes.xml")))
    _read_notes(package, _parse(parts.read("word/endnotes.xml")), "e")
    blocks = _write(package, body)
    text = normalize_newlines("\n\n".join(blocks))
    properties = _parse(parts.read("docProps/core.xml"))
    title = (properties.findtext(f".//{_DC}title") or "").strip() if properties is not None else ""
    heading = next((block.lstrip("#").strip() for block in blocks if block.startswith("#")), "")
    return [Extract(text, title=(heading or title)[:300])]


class _Parts:
    """Members of a zip, each and all together read up to a bound."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive, self.limits, self.left = archive, limits, limits.file_bytes

    def read(self, member: str) -> bytes:
        try:
            info = self.archive.getinfo(member)
        except KeyError:
            return b""
        if info.flag_bits & 1:
            raise Declined("encrypted", "an archive with a password")
        large = info.file_size > self.left
        bomb = info.file_size > 8 << 20 and info.file_size > self.limits.ratio * max(1, info.compress_size)
        if large or bomb:
            raise Declined("too large", f"{member} unpacks to {megabytes(info.file_size)}: taken for a bomb")
        try:
            with self.archive.open(info) as stream:
                data = stream.read()  # no more than declared, and its sum is checked: a size that lies is damage
        except (
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            RuntimeError,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            raise Declined("unreadable", f"damaged archive: {member}: {error}") from error
        self.left -= len(data)
        return data


def _open(content: bytes, limits: Limits) -> _Parts:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise Declined("unreadable", f"not a Word document: {error}") from error
    if len(archive.infolist()) > 20_000:
        raise Declined("too large", "an archive of more than 20,000 members")
    return _Parts(archive, limits)


def _parse(data: bytes) -> etree._Element | None:
    if not data:
        return None
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
        raise Declined("unreadable", "its XML declares entities, which no Word document does")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    if _STRICT.encode() in data[:10_000]:
        data = data.replace(_STRICT.encode(), _TRANSITIONAL.encode())
    try:
        return etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError):
        return None


def _value(element: etree._Element | None, path: str) -> str:
    found = element.find(path) if element is not None else None
    return (found.get(f"{_W}val") or "") if found is not None else ""


def _read_styles(package: _Package, root: etree._Element | None) -> None:
    if root is None:
        return
    for element in root.iter(f"{_W}style"):
        identifier = element.get(f"{_W}styleId") or ""
        name = _value(element, f"{_W}name").lower()
        style = _Style(base=_value(element, f"{_W}basedOn"), code=bool(_CODE_STYLE.search(name)))
        if match := re.match(r"(?:heading|überschrift|titre|título|titolo|标题)\s*(\d)", name):
            style.level = int(match[1])
        elif name == "title":
            style.level = 1
        outline = _value(element, f"{_W}pPr/{_W}outlineLvl")
        if not style.level and outline.isdecimal() and int(outline) < 9:
            style.level = int(outline) + 1
        numbering = f"{_W}pPr/{_W}numPr/"
        style.numbering = (_value(element, f"{numbering}{_W}numId"), _value(element, f"{numbering}{_W}ilvl"))
        package.styles[identifier] = style


def _style(package: _Package, identifier: str) -> _Style:
    """A style with what it takes over from those it is based on."""
    result = _Style()
    for _ in range(12):  # a chain of styles may be a loop
        style = package.styles.get(identifier)
        if style is None:
            break
        result.level = result.level or style.level
        result.code = result.code or style.code
        if not result.numbering[0]:
            result.numbering = style.numbering
        identifier = style.base
    return result


def _read_numbering(package: _Package, root: etree._Element | None) -> None:
    if root is None:
        return
    abstract: dict[str, dict[str, bool]] = {}
    for element in root.iter(f"{_W}abstractNum"):
        levels = {level.get(f"{_W}ilvl") or "0": _value(level, f"{_W}numFmt") in ("bullet", "none", "")
                  for level in element.iter(f"{_W}lvl")}  # fmt: skip
        abstract[element.get(f"{_W}abstractNumId") or ""] = levels
    for element in root.iter(f"{_W}num"):
        identifier = element.get(f"{_W}numId") or ""
        for level, bullet in abstract.get(_value(element, f"{_W}abstractNumId"), {}).items():
            package.bullets[identifier, level] = bullet


def _read_notes(package: _Package, root: etree._Element | None, prefix: str = "") -> None:
    if root is None:
        return
    for element in root:
        identifier = element.get(f"{_W}id") or ""
        if element.get(f"{_W}type") in (None, "normal"):
            text = " ".join(_text(package, paragraph) for paragraph in element.iter(f"{_W}p"))
            package.notes[prefix + identifier] = " ".join(text.split())


def _write(package: _Package, root: etree._Element) -> list[str]:
    blocks: list[str] = []
    code: list[str] = []
    items: list[str] = []
    walker = etree.iterwalk(root, events=("start",), tag=(f"{_W}p", f"{_W}tbl", _FALLBACK))
    for _, element in walker:
        if element.tag == _FALLBACK:
            walker.skip_subtree()
            continue
        paragraph = _paragraph(package, element) if element.tag == f"{_W}p" else None
        walker.skip_subtree()
        if code and not (paragraph and paragraph.code):
            blocks.append(_fence(code))
            code = []
        if items and not (paragraph and paragraph.item):
            blocks.append("\n".join(items))
            items = []
        if paragraph is None:
            blocks.extend(_table(package, element))
        elif paragraph.code:
            code.append(paragraph.text)
        elif paragraph.item and paragraph.text.strip():
            items.append(paragraph.item + " ".join(paragraph.text.split()))
        elif paragraph.level and paragraph.text.strip():
            blocks.append("#" * min(6, paragraph.level) + " " + " ".join(paragraph.text.split()))
        elif paragraph.text.strip():
            blocks.append(paragraph.text.strip())
    if code:
        blocks.append(_fence(code))
    if items:
        blocks.append("\n".join(items))
    blocks.extend(
        f"[{number}] {package.notes[key]}" for number, key in enumerate(package.used, 1) if package.notes.get(key)
    )
    return [block for block in blocks if block.strip()]


def _fence(lines: list[str]) -> str:
    text = "\n".join(lines).strip("\n")
    if not text.strip():
        return ""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _paragraph(package: _Package, element: etree._Element) -> _Paragraph:
    properties = element.find(f"{_W}pPr")
    style = _style(package, _value(properties, f"{_W}pStyle"))
    outline = _value(properties, f"{_W}outlineLvl")
    level = style.level or (int(outline) + 1 if outline.isdecimal() and int(outline) < 9 else 0)
    number = _value(properties, f"{_W}numPr/{_W}numId") or style.numbering[0]
    depth = _value(properties, f"{_W}numPr/{_W}ilvl") or style.numbering[1] or "0"
    paragraph = _Paragraph(_text(package, element), level, style.code)
    if number and number != "0" and not level and depth.isdecimal():
        indent = min(int(depth), 8)
        if package.bullets.get((number, depth), True):
            paragraph.item = "  " * indent + "- "
        else:
            count = package.counters[number, indent] = package.counters.get((number, indent), 0) + 1
            for deeper in range(indent + 1, 9):
                package.counters.pop((number, deeper), None)
            paragraph.item = "   " * indent + f"{count}. "
    return paragraph


def _text(package: _Package, paragraph: etree._Element) -> str:
    """All text of a paragraph, boxes inside it included, what was deleted or replaced left out."""
    parts: list[str] = []
    walker = etree.iterwalk(paragraph, events=("start",))
    for _, element in walker:
        tag = element.tag
        if tag == f"{_W}t":
            parts.append(element.text or "")
        elif tag in (f"{_W}br", f"{_W}cr"):
            parts.append("\n" if element.get(f"{_W}type") in (None, "textWrapping") else " ")
        elif tag == f"{_W}tab":
            parent = element.getparent()
            if parent is not None and parent.tag == f"{_W}r":  # not a tab stop
                parts.append("\t")
        elif tag == f"{_W}noBreakHyphen":
            parts.append("-")
        elif tag in (f"{_W}footnoteReference", f"{_W}endnoteReference"):
            key = ("e" if tag.endswith("endnoteReference") else "") + (element.get(f"{_W}id") or "")
            if key in package.notes:
                package.used.append(key)
                parts.append(f"[{len(package.used)}]")
        elif tag == f"{_W}p" and element is not paragraph:
            parts.append("\n")
        elif tag in (f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", _FALLBACK):
            walker.skip_subtree()
    return "".join(parts).replace("\u00ad", "").replace("\u00a0", " ")


def _table(package: _Package, table: etree._Element) -> list[str]:
    """Rows of cells between bars; a table of one column is a frame around paragraphs."""
    rows: list[list[str]] = []
    for row in table.iterchildren(f"{_W}tr", f"{_W}sdt", f"{_W}sdtContent"):
        cells: list[str] = []
        for cell in row.iter(f"{_W}tc"):
            inner = next((a for a in cell.iterancestors(f"{_W}tbl")), None)
            if inner is not table:
                continue  # a table in a cell is read as the cell's text
            text = " ".join(_text(package, paragraph) for paragraph in cell.iter(f"{_W}p"))
            cells.append(" ".join(text.split()))
            span = _value(cell, f"{_W}tcPr/{_W}gridSpan")
            cells.extend([""] * (min(int(span), _MAX_COLUMNS) - 1 if span.isdecimal() and int(span) > 1 else 0))
        if any(cells):
            rows.append(cells[:_MAX_COLUMNS])
    if not rows:
        return []
    width = max(len(row) for row in rows)
    if width == 1:
        return [row[0] for row in rows]
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return ["\n".join(lines)]
