"""PDF: text by page and position, and files that are encrypted, damaged, looping, scanned or empty."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import pytest

from whelm.data.readers.extract import Declined, Extract, Limits
from whelm.data.readers.pdf import read_pdf
from whelm.data.readers.pdf_layout import Line, Page, write_pages
from whelm.data.reading import read_source
from whelm.data.sources import scan_folder

Text = list[tuple[float, float, float, str, str]]  # x, y, size, font (R, B or M), words


def pdf(
    pages: list[Text],
    extra: dict[int, bytes] | None = None,
    trailer: bytes = b"",
    outline: list[tuple[str, int]] | None = None,
) -> bytes:
    """A small PDF by hand: Helvetica, its bold, and Courier."""
    objects: dict[int, bytes] = {
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        4: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>",
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>",
    }
    kids = []
    for number, lines in enumerate(pages):
        stream = b"BT\n"
        for x, y, size, font, words in lines:
            name = {"R": "F3", "B": "F4", "M": "F5"}[font]
            escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            stream += f"/{name} {size} Tf 1 0 0 1 {x} {y} Tm ({escaped}) Tj\n".encode("latin-1")
        stream += b"ET"
        page, content = 10 + 2 * number, 11 + 2 * number
        kids.append(f"{page} 0 R")
        fonts = "<</Font<</F3 3 0 R/F4 4 0 R/F5 5 0 R>>>>"
        objects[page] = (f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources{fonts}"
                         f"/Contents {content} 0 R>>").encode()  # fmt: skip
        objects[content] = b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream)
    catalog = b"<</Type/Catalog/Pages 2 0 R%s>>"
    marks = b""
    for number, (title, page) in enumerate(outline or []):
        links = (f"/Next {901 + number} 0 R" if number + 1 < len(outline or []) else "") + (
            f"/Prev {899 + number} 0 R" if number else ""
        )
        objects[900 + number] = f"<</Title({title})/Parent 899 0 R/Dest[{10 + 2 * page} 0 R/Fit]{links}>>".encode()
    if outline:
        objects[899] = f"<</Type/Outlines/First 900 0 R/Last {899 + len(outline)} 0 R/Count {len(outline)}>>".encode()
        marks = b"/Outlines 899 0 R"
        if len(outline) > 1:
            objects[900] = objects[900].replace(b"/Prev 899 0 R", b"")
    objects[1] = catalog % marks
    objects[2] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>".encode()
    objects.update(extra or {})
    out = b"%PDF-1.5\n"
    places = {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number in sorted(places):
        out += b"%d 1\n%010d 00000 n \n" % (number, places[number])
    return out + b"trailer<</Size 1000/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (trailer, start)


def lines(top: float, *words: str, size: float = 10, font: str = "R", x: float = 72, gap: float = 12) -> Text:
    return [(x, top - gap * number, size, font, line) for number, line in enumerate(words)]


def read(content: bytes) -> Extract:
    return read_pdf(content, "a.pdf", Limits())[0]


def outcome(content: bytes) -> str:
    with pytest.raises(Declined) as caught:
        read_pdf(content, "a.pdf", Limits())
    return caught.value.outcome


def test_paragraphs_headings_code_and_pages() -> None:
    first: Text = [
        (72, 740, 18, "B", "Installing the tool"),
        *lines(
            710,
            "The tool is installed with one command, which downloads all that it",
            "needs and puts it into a folder of its own.",
        ),
        *lines(670, "A second paragraph stands apart from the first by a gap."),
        *lines(640, "pip install tool", "tool --version", font="M"),
        *lines(600, "And a last line on this page."),
    ]
    second: Text = [
        (72, 740, 18, "B", "Removing it"),
        *lines(710, "Delete the folder, and nothing of it is left on the machine."),
    ]
    found = read(pdf([first, second]))
    assert found.text == (
        "# Installing the tool\n\nThe tool is installed with one command, which downloads all that it needs "
        "and puts it into a folder "
        "of its own.\n\nA second paragraph stands apart from the first by a gap.\n\n```\npip install "
        "tool\ntool --version\n```\n\n"
        "And a last line on this page.\n\n# Removing it\n\nDelete the folder, and nothing of it is left on the machine."
    )
    assert found.title == "Installing the tool"
    assert [found.text[start:][:12] for start in found.page_starts] == ["# Installing", "# Removing i"]


def test_bookmarks_name_headings() -> None:
    pages = [
        lines(700, "Plain chapter", "It begins here with words that run on and on in the same type."),
        lines(700, "Next one", "More text."),
    ]
    found = read(pdf(pages, outline=[("Plain chapter", 0), ("Next one", 1)]))
    assert found.text.startswith("# Plain chapter\n\nIt begins") and "# Next one\n\nMore" in found.text


def test_running_heads_and_page_numbers_go() -> None:
    pages = [
        [
            *lines(770, "The Manual of Tools"),
            *lines(700, f"Text number {'abcdefgh'[n]} of the book."),
            *lines(40, str(n + 1), x=300),
        ]
        for n in range(8)
    ]
    found = read(pdf(pages))
    assert "The Manual" not in found.text
    assert found.text.split("\n\n") == [f"Text number {letter} of the book." for letter in "abcdefgh"]


def test_hyphens_at_line_ends() -> None:
    def joined(*words: str) -> str:
        page = Page([Line(line, 72, 400, 700 - 12 * n, 10) for n, line in enumerate(words)])
        return write_pages([page], {})[0]

    assert joined("some informa-", "tion about it") == "some information about it"
    assert joined("a well-known fact, a well-", "known one") == "a well-known fact, a well-known one"
    assert joined("soft\x02", "ware, and software") == "software, and software"
    assert joined("from A-", "Z and on") == "from A- Z and on"


def test_lists() -> None:
    found = read(
        pdf(
            [
                [
                    *lines(700, "Before the list there is text."),
                    *lines(680, "\x95 first item of the list", "\x95 second item", x=80),
                ]
            ]
        )
    )
    assert found.text == "Before the list there is text.\n\n- first item of the list\n- second item"


def test_encrypted() -> None:
    lock = {950: b"<</Filter/Standard/V 1/R 2/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">/P -4>>"}
    assert outcome(pdf([lines(700, "secret")], lock, b"/Encrypt 950 0 R/ID[<00><00>]")) == "encrypted"


def test_scanned_and_empty() -> None:
    pixels = zlib.compress(bytes(100))
    image = (
        b"<</Type/XObject/Subtype/Image/Width 10/Height 10/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode"
        b"/Length %d>>stream\n%s\nendstream"
    )
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</XObject<</I 951 0 R>>>>/Contents 11 0 R>>"
    draw = b"<</Length 30>>stream\nq 500 0 0 700 50 50 cm /I Do Q\nendstream"
    assert outcome(pdf([[]], {10: page, 11: draw, 951: image % (len(pixels), pixels)})) == "scanned"
    assert outcome(pdf([[]])) == "empty"


def test_damage() -> None:
    whole = pdf([lines(700, "Words that are still there after the damage.")])
    assert outcome(b"%PDF-1.4\n" + b"junk " * 100) == "unreadable"
    assert "still there" in read(whole[: whole.rfind(b"xref")]).text  # pdfium rebuilds the table
    assert outcome(whole[:60]) == "unreadable"


@pytest.mark.parametrize(
    "extra",
    [
        {2: b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99999999>>"},  # pages that hold themselves
        {2: b"<</Type/Pages/Kids[20 0 R]/Count 1>>", 20: b"<</Type/Pages/Kids[2 0 R]/Parent 2 0 R/Count 1>>"},
        {11: b"11 0 R"},  # contents that are themselves
        {10: b"<</Type/Page/Parent 10 0 R/MediaBox[0 0 9 9]/Resources 10 0 R/Contents 10 0 R>>"},
        {
            10: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</X 951 0 R>>>>/Contents 11 0 R>>",
            11: b"<</Length 6>>stream\n/X Do \nendstream",
            951: b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 951 0 R>>>>/Length 12>>stream\n"
            b"/X Do /X Do \nendstream",
        },
        {1: b"<</Type/Catalog/Pages 2 0 R/Outlines 899 0 R>>", 899: b"<</First 900 0 R/Last 900 0 R/Count 1>>",
         900: b"<</Title(loop)/Parent 899 0 R/Next 900 0 R/First 900 0 R>>"},
    ],
)  # fmt: skip
def test_loops_end_in_an_outcome(tmp_path: Path, extra: dict[int, bytes]) -> None:
    (tmp_path / "loop.pdf").write_bytes(pdf([lines(700, "text")], extra))
    started = time.monotonic()
    parsed = read_source(next(scan_folder(tmp_path)), Limits(seconds=1.0))
    assert parsed.outcome in ("parsed", "unreadable", "empty", "failed") and (parsed.documents or parsed.reason)
    assert time.monotonic() - started < 30


def test_a_stream_that_unpacks_to_too_much(tmp_path: Path) -> None:
    packed = zlib.compress(b"BT /F3 9 Tf (ha) Tj " + b" " * 60_000_000 + b"ET", 9)
    bomb = pdf(
        [lines(700, "x")], {11: b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)}
    )
    (tmp_path / "bomb.pdf").write_bytes(bomb)
    parsed = read_source(next(scan_folder(tmp_path)), Limits(seconds=2.0))
    assert parsed.outcome in ("parsed", "failed", "empty", "too large", "unreadable")
