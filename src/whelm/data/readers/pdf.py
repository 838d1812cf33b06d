"""PDF to text: pages by pdfium, lines by position and font, then paragraphs, headings and code by `pdf_layout`.

pdfium (the parser of Chromium) survives damage that others do not; it runs in a killable child all the same. Every
page's text begins at its `page_starts`. Lines that repeat at the top or the bottom of pages (running heads, page
numbers) are dropped. A file with a password, without pages, or with images alone ends in an outcome of its own.
"""

from __future__ import annotations

import ctypes
import re

import pypdfium2
import pypdfium2.raw as pdfium

from whelm.data.readers.extract import Declined, Extract, Limits
from whelm.data.readers.pdf_layout import Line, Page, write_pages

__all__ = ["read_pdf"]

_PASSWORD = 4  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_SECURITY = 5
_MONOSPACED = re.compile(
    r"mono|courier|consol|typewriter|cmtt|menlo|inconsolata|fixed|code|lucidacons|sftt|nimbusmonl", re.IGNORECASE
)
_MAX_PAGES = 20_000
_MAX_CHARACTERS_A_PAGE = 200_000


def read_pdf(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """One text of all pages."""
    if b"%PDF-" not in content[:1024]:
        raise Declined("unreadable", "not a PDF: it lacks the mark %PDF")
    try:
        book = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code in (_PASSWORD, _SECURITY) or "password" in str(error).lower():
            raise Declined("encrypted", "a PDF with a password") from error
        raise Declined("unreadable", f"damaged PDF: {error}") from error
    try:
        count = len(book)
        if count == 0:
            raise Declined("unreadable", "a PDF without pages")
        pages: list[Page] = []
        images, broken = 0, 0
        total = 0
        for number in range(min(count, _MAX_PAGES)):
            page, has_image = _read_page(book, number)
            broken += page is None
            images += has_image
            pages.append(page or Page())
            total += sum(len(line.text) for line in pages[-1].lines)
            if total > limits.file_bytes:
                raise Declined("too large", "its text passes the limit")
        outline = _outline(book)
        title = (book.get_metadata_dict().get("Title") or "").strip()
    finally:
        book.close()
    characters = sum(len(line.text.strip()) for page in pages for line in page.lines)
    if characters == 0 or (images >= count and characters < 3 * count):
        if broken == count:
            raise Declined("unreadable", "damaged PDF: none of its pages can be read")
        if images:
            raise Declined("scanned", f"{count:,} pages of images without text: text recognition (OCR) is needed")
        raise Declined("empty", "a PDF without text")
    text, starts, heading = write_pages(pages, outline)
    notes = [f"{broken:,} of {count:,} pages cannot be read"] if broken else []
    if count > _MAX_PAGES:
        notes.append(f"only the first {_MAX_PAGES:,} of {count:,} pages were read")
    usable = (
        title
        if 3 < len(title) < 200
        and not re.search(r"\.(?:docx?|tex|dvi|indd|pdf|qxd)$|^untitled|^microsoft word", title, re.I)
        else ""
    )
    return [Extract(text, title=usable or heading, page_starts=starts, note="; ".join(notes))]


def _read_page(book: pypdfium2.PdfDocument, number: int) -> tuple[Page | None, bool]:
    """The lines of a page, and whether it holds an image; None where it cannot be read."""
    try:
        page = book[number]
    except pypdfium2.PdfiumError:
        return None, False
    try:
        text_page = page.get_textpage()
        try:
            lines = _lines(text_page)
        finally:
            text_page.close()
        image = not lines and any(True for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
        return Page(lines), image
    except pypdfium2.PdfiumError:
        return None, False
    finally:
        page.close()


def _lines(text_page: pypdfium2.PdfTextPage) -> list[Line]:
    """Lines in the order of the page, each with its place and font."""
    count = min(text_page.count_chars(), _MAX_CHARACTERS_A_PAGE)
    if count <= 0:
        return []
    text = text_page.get_text_range(0, count)
    aligned = len(text) == count  # else characters outside the basic plane shift the indices
    lines: list[Line] = []
    position = 0
    for part in text.split("\n"):
        raw = part.rstrip("\r")
        stripped = raw.strip()
        if stripped:
            line = Line(raw.replace("\x00", "").rstrip(), hyphen=raw.rstrip().endswith(("\x02", "\ufffe")))
            line.text = line.text.replace("\ufffe", "\x02")
            if aligned:
                first = position + len(raw) - len(raw.lstrip())
                last = position + len(raw.rstrip().rstrip("\x02\ufffe")) - 1
                _place(text_page, line, first, max(first, last))
            lines.append(line)
        position += len(part) + 1
    return lines


def _place(text_page: pypdfium2.PdfTextPage, line: Line, first: int, last: int) -> None:
    left, right, bottom, top = ctypes.c_double(), ctypes.c_double(), ctypes.c_double(), ctypes.c_double()
    if pdfium.FPDFText_GetCharBox(text_page, first, left, right, bottom, top):
        line.left, line.bottom = left.value, bottom.value
        origin_x, origin_y = ctypes.c_double(), ctypes.c_double()
        if pdfium.FPDFText_GetCharOrigin(text_page, first, origin_x, origin_y):
            line.bottom = origin_y.value
    if pdfium.FPDFText_GetCharBox(text_page, last, left, right, bottom, top):
        line.right = right.value
    middle = (first + last) // 2
    sizes = sorted(pdfium.FPDFText_GetFontSize(text_page, index) for index in (first, middle, last))
    line.size = round(sizes[1], 1)
    names = [_font(text_page, index) for index in (first, middle, last)]
    line.mono = sum(bool(_MONOSPACED.search(name)) for name, _ in names) >= 2
    line.bold = all(weight >= 600 or "bold" in name.lower() or "black" in name.lower() for name, weight in names)


def _font(text_page: pypdfium2.PdfTextPage, index: int) -> tuple[str, int]:
    buffer = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    size = pdfium.FPDFText_GetFontInfo(text_page, index, buffer, 128, flags)
    name = buffer.raw[: max(0, min(size, 128) - 1)].decode("utf-8", "replace") if size else ""
    if flags.value & 1 and name and not _MONOSPACED.search(name):
        name += "-mono"  # the flag for fixed pitch
    return name, pdfium.FPDFText_GetFontWeight(text_page, index)


def _outline(book: pypdfium2.PdfDocument) -> dict[tuple[int, str], int]:
    """(page, title without spaces, lowered) -> level, from the bookmarks."""
    found: dict[tuple[int, str], int] = {}
    try:
        for number, mark in enumerate(book.get_toc(max_depth=8)):
            if number >= 5000:
                break
            target = mark.get_dest()
            page = target.get_index() if target else None
            title = re.sub(r"\s+", "", mark.get_title()).lower()
            if page is not None and title:
                found[page, title] = mark.level + 1
    except (pypdfium2.PdfiumError, AttributeError, RecursionError, ValueError):
        return found
    return found
