"""Files to documents, hostile ones among them: every file ends in a named outcome, in bounded time and memory."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from whelm.data.reading import OUTCOMES, Limits, Parsed, ledger_counts, ledger_row, read_source, read_sources
from whelm.data.sources import scan_folder


def read(folder: Path, name: str, content: bytes | str, limits: Limits | None = None) -> Parsed:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = next(file for file in scan_folder(path))
    parsed = read_source(file, limits)
    assert parsed.outcome in OUTCOMES
    assert (parsed.outcome == "parsed") == bool(parsed.documents)
    assert parsed.documents or parsed.reason
    for document in parsed.documents:
        assert document.text.strip() and "\r" not in document.text
        document.text.encode()
        document.title.encode()
    return parsed


def test_text_is_the_files_own(tmp_path: Path) -> None:
    parsed = read(tmp_path, "a.md", b"\xef\xbb\xbf# Gr\xc3\xbc\xc3\x9fe\r\n\r\ntext \t \rend\n\n")
    document = parsed.documents[0]
    assert document.text == "# Grüße\n\ntext \t \nend\n\n"
    assert (document.id, document.title, document.format) == ("a.md", "Grüße", "md")
    assert document.source == str(tmp_path.resolve() / "a.md")
    for name in ("a.rst", "a.txt", "a.py", "a.csv"):
        assert read(tmp_path, name, "x = 1\r\n\r\ny\r").documents[0].text == "x = 1\n\ny\n"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", "---\ntitle: 'Front'\n---\n# Heading", "Front"),
        ("a.md", "text\n\nTitle `code`\n=====\n", "Title code"),
        ("plain-name.md", "no heading", "plain-name"),
        ("pep.rst", "PEP: 8\nTitle: Style Guide\nAuthor: x\n\nText", "PEP 8 – Style Guide"),
        ("a.rst", "=====\nTitle\n=====\n\ntext", "Title"),
        ("a.txt", "The title\n=========\n\ntext", "The title"),
        ("my.module.py", "import os", "my.module"),
    ],
)
def test_titles(tmp_path: Path, name: str, content: str, title: str) -> None:
    assert read(tmp_path, name, content).documents[0].title == title


def test_languages(tmp_path: Path) -> None:
    german = "Das ist ein deutscher Text über die Verwaltung von Paketen, und er ist lang genug, um erkannt zu werden."
    assert read(tmp_path, "a.txt", german).documents[0].language == "de"
    assert read(tmp_path, "b.md", "这是一个关于软件包管理的中文文档，内容足够长。" * 3).documents[0].language == "zh"
    code = f'def f():\n    """{german}"""\n' + "    for i in range(10): print(i)\n" * 30
    assert read(tmp_path, "c.py", code).documents[0].language == "de"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Grüße aus Köln, schöne Straße".encode("cp1252"), "Grüße aus Köln, schöne Straße"),
        ("UTF sixteen ü".encode("utf-16"), "UTF sixteen ü"),
        ("no mark at all, sixteen".encode("utf-16-le"), "no mark at all, sixteen"),
        ("这是中文内容，编码是旧的。".encode("gb18030"), "这是中文内容，编码是旧的。"),
        (b"good \xc3\xbc\xc3\xb6\xc3\xa4 and one bad \xff byte", "good üöä and one bad \ufffd byte"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, text: str) -> None:
    parsed = read(tmp_path, "a.txt", content)
    assert parsed.documents[0].text == text
    assert parsed.reason or content[:2] in (b"\xff\xfe",)


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("zeros.txt", bytes(100_000), "binary"),
        ("program.md", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, "binary"),
        ("noise.txt", bytes((i * 7919 + i // 3) % 31 + 1 for i in range(5000)), "binary"),
        ("empty.md", b"", "empty"),
        ("blank.txt", b" \n\t\r\n", "empty"),
        ("fake.pdf", b"hello", "unreadable"),
        ("fake.docx", b"hello", "unreadable"),
        ("old.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "unreadable"),
        (
            "locked.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
        ),
        ("bad.ipynb", b"{not json", "unreadable"),
        ("list.ipynb", b"[1, 2]", "unreadable"),
        ("deep.ipynb", b"[" * 200_000, "unreadable"),
        ("cut.html.gz", gzip.compress(b"<p>" + os.urandom(4000))[:1000], "unreadable"),
        ("not.txt.gz", b"plain", "unreadable"),
        ("rows.jsonl", b"nothing\nhere\n", "unreadable"),
        ("scripts.html", b"<html><script>alert(1)</script></html>", "empty"),
    ],
)
def test_what_holds_no_text_says_why(tmp_path: Path, name: str, content: bytes, outcome: str) -> None:
    assert read(tmp_path, name, content).outcome == outcome


def test_a_file_of_zeros_is_called_by_its_name(tmp_path: Path) -> None:
    assert read(tmp_path, "zeros.txt", bytes(100_000)).reason == "holds nothing but zeros"
    late = b"a log line\n" * 2000 + bytes(3)
    assert read(tmp_path, "late.txt", late).documents[0].text.endswith("line\n???")
    assert read(tmp_path, "later.txt", late + bytes(5000)).outcome == "binary"


def test_huge_line_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    with path.open("wb") as stream:  # 200 MB in no time: a sparse file would be zeros
        for _ in range(200):
            stream.write(b"word " * 200_000)
    started = time.monotonic()
    parsed = read_source(next(scan_folder(path)))
    assert parsed.outcome == "too large" and parsed.reason.startswith("200 MB, the limit is 67 MB")
    assert time.monotonic() - started < 2
    small = read(tmp_path, "b.txt", b"x" * 3_000_000)
    assert small.outcome == "parsed" and len(small.documents[0].text) == 3_000_000


def test_gzip(tmp_path: Path) -> None:
    parsed = read(tmp_path, "a.md.gz", gzip.compress(b"# Title\n\ntext"))
    assert parsed.documents[0].text == "# Title\n\ntext" and parsed.documents[0].id == "a.md.gz"
    assert read(tmp_path, "b.html.gz", gzip.compress(b"<h1>T</h1><p>x</p>")).documents[0].text == "# T\n\nx"
    two = gzip.compress(b"one ") + gzip.compress(b"two")
    assert read(tmp_path, "c.txt.gz", two).documents[0].text == "one two"


def test_gzip_bomb(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(30_000_000), 9)
    assert len(bomb) < 100_000
    parsed = read(tmp_path, "bomb.txt.gz", bomb)
    assert parsed.outcome == "too large" and "bomb" in parsed.reason
    limits = Limits(file_bytes=1 << 20)
    assert read(tmp_path, "long.txt.gz", gzip.compress(b"some words " * 200_000), limits).outcome == "too large"


def test_rows(tmp_path: Path) -> None:
    rows = [
        {"id": "x1", "title": "One", "text": "first\r\ntext", "year": 2020, "tags": ["a"]},
        {"name": "Two", "content": "second"},
        {"a": 1, "b": "two"},
        {"id": "x1", "body": "same id again"},
        {"id": "bad\nid", "text": "lone \ud800 surrogate"},
        {"text": "   "},
    ]
    lines = [json.dumps(row) for row in rows]
    parsed = read(tmp_path, "r.jsonl", "\n".join([*lines[:2], "broken {", "[1]", *lines[2:], ""]))
    by_id = {document.id: document for document in parsed.documents}
    assert list(by_id) == ["r.jsonl#x1", "r.jsonl#2", "r.jsonl#5", "r.jsonl#6", "r.jsonl#bad\\nid"]
    assert by_id["r.jsonl#x1"].text == "first\ntext" and by_id["r.jsonl#x1"].title == "One"
    assert by_id["r.jsonl#x1"].metadata == {"year": "2020"}
    assert by_id["r.jsonl#5"].text == "a: 1\nb: two"
    assert "2 of 8 lines" in parsed.reason and "line 3" in parsed.reason


def test_notebook(tmp_path: Path) -> None:
    book = {
        "nbformat": 4,
        "metadata": {"kernelspec": {"language": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "\n", "text"]},
            {"cell_type": "code", "source": "print('`' * 3)\n", "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"] + [f"line {i}\n" for i in range(50)]},
                {"output_type": "display_data", "data": {"image/png": "AAAA" * 1000}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["secret"]},
            ]},
            {"cell_type": "code", "source": "x = '```'", "outputs": None},
            {"cell_type": "raw", "source": 5},
            "not a cell",
        ],
    }  # fmt: skip
    document = read(tmp_path, "n.ipynb", json.dumps(book)).documents[0]
    assert document.title == "Title"
    assert document.text.startswith("# Title\n\ntext\n\n```python\nprint('`' * 3)\n```\n\n```output\nred\nline 0\n")
    assert "line 49" not in document.text and "..." in document.text and "ValueError: bad" in document.text
    assert "AAAA" not in document.text and "secret" not in document.text and "\x1b" not in document.text
    assert "````python\nx = '```'\n````" in document.text


def test_csv_is_one_document(tmp_path: Path) -> None:
    text = 'name,note\n"a","two\nlines"\nb,c\n'
    parsed = read(tmp_path, "t.csv", text)
    assert len(parsed.documents) == 1 and parsed.documents[0].text == text


def test_a_parser_that_hangs_or_grows_is_ended(tmp_path: Path) -> None:
    nested = b"<div>" * 400_000 + b"deep" + b"</div>" * 400_000
    started = time.monotonic()
    slow = read(tmp_path, "deep.html", nested, Limits(seconds=0.2))
    assert slow.outcome in ("failed", "parsed") and time.monotonic() - started < 20
    assert read(tmp_path, "after.html", "<p>alive</p>").outcome == "parsed"
    assert read(tmp_path, "small.html", b"<p>word</p>" * 200_000, Limits(memory_bytes=8 << 20)).outcome == "failed"
    assert read(tmp_path, "after.html", "<p>alive</p>").documents[0].text == "alive"


def test_a_crash_becomes_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whelm.core.sandbox import SandboxError
    from whelm.data import reading

    def crash(*arguments: object, **limits: object) -> object:
        raise SandboxError("read_file ended its process: SIGSEGV", reason="crash")

    monkeypatch.setattr(reading, "run_limited", crash)
    parsed = read(tmp_path, "a.html", "<p>x</p>")
    assert parsed.outcome == "failed" and "SIGSEGV" in parsed.reason


def test_a_file_that_vanishes_or_turns_into_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.md").write_text("x")
    files = list(scan_folder(tmp_path))
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.md").unlink()
    os.mkfifo(tmp_path / "b.md")
    assert [read_source(file).outcome for file in files] == ["unreadable", "unreadable"]


def test_ledger_holds_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.txt").write_bytes(bytes(10))
    (tmp_path / "c.png").write_bytes(b"x")
    (tmp_path / ".d").write_text("x")
    (tmp_path / "e.html").write_text("<p>y</p>")
    one = [ledger_row(file, parsed) for file, parsed in read_sources(scan_folder(tmp_path))]
    many = [ledger_row(file, parsed) for file, parsed in read_sources(scan_folder(tmp_path), workers=3)]
    assert one == many
    assert ledger_counts(one) == {"parsed": 2, "binary": 1, "ignored": 1, "unsupported": 1}
    assert [row.path for row in one] == [".d", "a.md", "b.txt", "c.png", "e.html"]
    assert one[1].record()["characters"] == 1


def test_many_small_files_take_seconds(tmp_path: Path) -> None:
    for number in range(1000):
        kind = ("md", "html")[number % 2]
        (tmp_path / f"{number}.{kind}").write_text(f"<h1>Title {number}</h1><p>Some words about it, {number}.</p>")
    started = time.process_time()
    assert sum(parsed.outcome == "parsed" for _, parsed in read_sources(scan_folder(tmp_path))) == 1000
    assert time.process_time() - started < 6
