"""Word documents: structure by style, and archives that are made to hurt."""

from __future__ import annotations

import io
import zipfile

import pytest

from whelm.data.readers.docx import read_docx
from whelm.data.readers.extract import Declined, Limits

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def archive(body: str, compression: int = zipfile.ZIP_DEFLATED, **parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("word/document.xml", f'<?xml version="1.0"?><w:document {W}><w:body>{body}</w:body></w:document>')
        for name, content in parts.items():
            file.writestr(name.replace("__", "/") + ".xml", content)
    return buffer.getvalue()


def text(content: bytes) -> str:
    return read_docx(content, "a.docx", Limits())[0].text


def test_a_document_of_python_docx() -> None:
    docx = pytest.importorskip("docx")
    book = docx.Document()
    book.core_properties.title = ""
    book.add_heading("Main title", 0)
    book.add_heading("First", 1)
    paragraph = book.add_paragraph("Some ")
    paragraph.add_run("bold").bold = True
    paragraph.add_run(" text.")
    for item in ("one", "two"):
        book.add_paragraph(item, style="List Bullet")
    for item in ("first", "second"):
        book.add_paragraph(item, style="List Number")
    book.add_heading("Deeper", 2)
    table = book.add_table(2, 2)
    for row, cells in enumerate((("A", "B"), ("1", "2"))):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    book.add_paragraph("End")
    buffer = io.BytesIO()
    book.save(buffer)
    found = read_docx(buffer.getvalue(), "a.docx", Limits())[0]
    assert found.text == (
        "# Main title\n\n# First\n\nSome bold text.\n\n- one\n- two\n1. first\n2. second\n\n## Deeper\n\n"
        "| A | B |\n| --- | --- |\n| 1 | 2 |\n\nEnd"
    )
    assert found.title == "Main title"


def test_deleted_text_and_field_codes_are_left_out() -> None:
    body = (
        "<w:p><w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del>"
        "<w:ins><w:r><w:t>new </w:t></w:r></w:ins><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:tab/><w:t>tab</w:t><w:br/><w:t>line</w:t></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    assert text(archive(body)) == "kept new link\ttab\nline\n\nin a control"


def test_styles_that_loop_and_code() -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
        '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>'
        '<w:style w:styleId="Src"><w:name w:val="Source Code"/></w:style>'
        '<w:style w:styleId="H"><w:name w:val="Custom"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>'
    )
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t xml:space="preserve">{words}</w:t></w:r></w:p>'
        for style, words in (("A", "plain"), ("H", "Head"), ("Src", "if x:"), ("Src", "    y"), ("", "end"))
    )
    assert text(archive(body, word__styles=styles)) == "plain\n\n## Head\n\n```\nif x:\n    y\n```\n\nend"


def test_footnotes() -> None:
    notes = (
        f'<w:footnotes {W}><w:footnote w:id="2"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    body = '<w:p><w:r><w:t>Text</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    assert text(archive(body, word__footnotes=notes)) == "Text[1]\n\n[1] The note."


def outcome(content: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(Declined) as caught:
        read_docx(content, "a.docx", limits or Limits())
    return caught.value.outcome


def test_zip_bomb() -> None:
    bomb = archive("<w:p><w:r><w:t>" + "a" * 20_000_000 + "</w:t></w:r></w:p>")
    assert len(bomb) < 100_000
    assert outcome(bomb) == "too large"


def test_zip_that_lies_about_its_size() -> None:
    honest = bytearray(archive("<w:p><w:r><w:t>" + "a" * 4_000_000 + "</w:t></w:r></w:p>"))
    # the central directory's uncompressed size (offset 24) claims 100 bytes
    at = honest.rfind(b"PK\x01\x02")
    honest[at + 24 : at + 28] = (100).to_bytes(4, "little")
    assert outcome(bytes(honest), Limits(file_bytes=1 << 20)) == "unreadable"


def test_billion_laughs_and_external_entities() -> None:
    for entity in ('<!ENTITY a "ha"><!ENTITY b "&a;&a;">', '<!ENTITY a SYSTEM "file:///etc/passwd">'):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr(
                "word/document.xml",
                f"<!DOCTYPE x [{entity}]><w:document {W}><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body>"
                "</w:document>",
            )
        assert outcome(buffer.getvalue()) == "unreadable"


def test_damage() -> None:
    whole = archive("<w:p><w:r><w:t>text</w:t></w:r></w:p>" * 50)
    assert outcome(whole[: len(whole) // 2]) == "unreadable"
    broken = bytearray(whole)
    broken[60:80] = bytes(20)
    try:
        read_docx(bytes(broken), "a.docx", Limits())
    except Declined as declined:
        assert declined.outcome == "unreadable"
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("other.txt", "x")
    assert outcome(empty.getvalue()) == "unreadable"
    assert text(archive("<w:p><w:r><w:t>cut").replace(b"</w:body>", b"")) is not None
