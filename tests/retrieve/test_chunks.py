"""Chunks follow structure, lose nothing, and stay what they were when something else changes."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.errors import ConfigError
from whelm.core.types import Chunk, Document
from whelm.retrieve.chunks import ChunkConfig, chunk, search_text, title_text

SMALL = ChunkConfig(target=120, maximum=200, smallest=30, parent=400)

GUIDE = """# Copying

Two functions copy. They differ in what becomes of the permissions of a file and of its owner, nothing else.

They are:

- copy, which keeps the mode of a file
- copy2, which keeps its times as well

## Trees

A tree is copied by copytree, which calls copy2 for every file in it.

## Limits

```python
copytree(source, target)

copytree(source, target, dirs_exist_ok=True)
```

### Links

Links are followed unless symlinks is true.
"""


def texts(document: Document, config: ChunkConfig = SMALL) -> list[str]:
    return [document.text[one.start : one.end] for one in chunk(document, config)]


def test_by_hand() -> None:
    document = Document("guide.md", GUIDE, "Guide", "en", format="md")
    found = chunk(document, SMALL)
    assert [document.text[one.start : one.end].splitlines()[0] for one in found] == [
        "# Copying",
        "They are:",
        "## Trees",
        "## Limits",
        "### Links",
    ]
    assert [one.headings for one in found] == [
        ("Copying",),
        ("Copying",),
        ("Copying", "Trees"),
        ("Copying", "Limits"),
        ("Copying", "Limits", "Links"),
    ]
    assert [one.kind for one in found] == ["text", "list", "text", "code", "text"]
    assert document.text[found[1].start : found[1].end].endswith("its times as well"), "a list stays with its lead-in"
    assert found[1].id == f"guide.md@{found[1].start}-{found[1].end}"
    parent = document.text[found[2].parent_start : found[2].parent_end]
    assert "## Trees" in parent and len(parent) <= 400


def test_a_small_document_is_one_chunk() -> None:
    document = Document("a.md", GUIDE, format="md")
    (one,) = chunk(document)
    assert document.text[one.start : one.end] == GUIDE.strip()
    assert (one.parent_start, one.parent_end) == (one.start, one.end)
    assert chunk(Document("e.txt", " \n\n ")) == []
    assert chunk(Document("e.txt", "")) == []


def test_headings_alone_are_no_chunk() -> None:
    text = "# One\n\n## Two\n\n" + "Words that say something. " * 6 + "\n\n# Three\n"
    found = texts(Document("a.md", text, format="md"))
    assert found[0].startswith("# One\n\n## Two\n\nWords")
    assert found[-1].endswith("# Three")


def test_a_lead_in_goes_with_its_list() -> None:
    lead, items = "Four commands do this work:", "\n".join(f"- command number {n} of the four" for n in range(4))
    before = "Words that say something before it. " * 2
    found = texts(Document("a.md", f"{before}\n\n{lead}\n\n{items}\n", format="md"))
    assert found == [before.strip(), f"{lead}\n\n{items}"]


def test_long_paragraphs_are_cut_at_sentences() -> None:
    sentences = [f"This is sentence number {n} of a long paragraph." for n in range(30)]
    found = texts(Document("a.txt", " ".join(sentences), language="en", format="txt"))
    assert len(found) > 8
    assert all(part.endswith(".") and part.startswith("This") and len(part) <= SMALL.maximum for part in found)


def test_tables_are_cut_at_rows_and_keep_their_header() -> None:
    rows = "\n".join(f"| item {n} | {n * 7} kg |" for n in range(40))
    document = Document("t.md", f"# Weights\n\n| name | weight |\n|---|---|\n{rows}\n", "Weights", "en", format="md")
    found = chunk(document, SMALL)
    assert len(found) > 3
    for one in found[1:]:
        part = document.text[one.start : one.end]
        assert part.startswith("|") and part.endswith("|"), "rows stay whole"
        assert "| name | weight |" in search_text(one, document)
        assert one.kind == "table"


def test_code_is_cut_at_blank_lines() -> None:
    functions = "\n\n".join(f"def function_{n}(a, b):\n    total = a + b\n    return total * {n}" for n in range(12))
    found = texts(Document("a.md", f"```python\n{functions}\n```\n", format="md"))
    assert len(found) > 3
    assert all(part.startswith("def") for part in found[1:])


def test_lists_are_cut_at_items() -> None:
    items = "\n".join(f"- item number {n} has words\n  and a second line" for n in range(20))
    found = texts(Document("a.md", items, format="md"))
    assert len(found) > 3
    assert all(part.startswith("- item") for part in found)


def test_pages() -> None:
    text = "\n\n".join(f"Paragraph {n} has some words in it and then it ends, as they do here." for n in range(12))
    document = Document("a.pdf", text, "A", "en", format="pdf", page_starts=(0, 300, 600))
    for one in chunk(document, SMALL):
        assert one.page == 1 + (one.start >= 300) + (one.start >= 600)
    assert {one.page for one in chunk(replace(document, page_starts=()), SMALL)} == {None}


def test_chinese_has_smaller_chunks() -> None:
    text = "数据库的索引用来加快查询的速度。" * 200
    chinese = chunk(Document("a.txt", text, "", "zh", format="txt"))
    assert all(one.end - one.start <= 700 for one in chinese)
    assert all(text[one.end - 1] == "。" for one in chinese)


def test_search_text_says_each_name_once() -> None:
    document = Document("m/copytree.txt", "shutil.copytree(src, dst) copies a tree.", "shutil.copytree")
    (one,) = chunk(document)
    assert search_text(one, document) == document.text
    assert title_text(one, document) == "shutil.copytree"
    untitled = replace(document, title="")
    assert title_text(one, untitled) == "copytree"
    deeper = replace(one, headings=("shutil.copytree", "Errors"))
    assert search_text(deeper, document) == "Errors\n" + document.text
    assert search_text(one, replace(document, title="S")) == "S\n" + document.text, "a letter within a word is no name"


def test_an_edit_leaves_earlier_chunks_alone() -> None:
    before = chunk(Document("a.md", GUIDE, format="md"), SMALL)
    after = chunk(Document("a.md", GUIDE + "\n# More\n\nSomething else stands here now.\n", format="md"), SMALL)
    assert [one.id for one in after[: len(before)]] == [one.id for one in before]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "word " * 200_000,
        "\n".join("ab" for _ in range(100_000)),
        "| a " * 100_000,
        "# " + "h" * 300_000,
        "- " * 100_000,
        "。" * 200_000,
    ],
)
def test_odd_documents_end_in_time(text: str) -> None:
    begin = time.perf_counter()
    document = Document("odd.md", text, format="md")
    found = chunk(document)
    check(document, found, ChunkConfig())
    assert all(len(search_text(one, document)) < 3000 for one in found[:100])
    assert time.perf_counter() - begin < 20


def check(document: Document, found: list[Chunk], config: ChunkConfig) -> None:
    """What holds for the chunks of any document."""
    text, last = document.text, 0
    for one in found:
        assert one.document == document.id
        assert last <= one.start < one.end <= len(text), "in order, without overlap, never empty"
        assert not text[last : one.start].strip(), "nothing is left out"
        assert one.end - one.start <= config.maximum
        assert one.parent_start <= one.start and one.end <= one.parent_end
        assert one.parent_end - one.parent_start <= max(config.parent, one.end - one.start)
        assert text[one.start : one.end].strip()
        last = one.end
    assert not text[last:].strip()
    assert len({one.id for one in found}) == len(found)


LINES = st.sampled_from(
    [
        "# A heading",
        "## Deeper",
        "### Deepest",
        "",
        "",
        "Some words of a sentence. And another one!",
        "- an item",
        "  - deeper item",
        "1. first",
        "| a | b |",
        "|---|---|",
        "```",
        "    code(here)",
        "Term",
        ":   definition",
        "====",
        "----",
        "A very long line " * 20,
        "数据库的索引。",
        "\ttab",
        "> quote",
        ".. note::",
        "x" * 150,
    ]
)


@given(
    lines=st.lists(LINES, max_size=40),
    kind=st.sampled_from(["md", "rst", "txt", "py", "html", "csv"]),
    language=st.sampled_from(["en", "zh", "de"]),
)
def test_chunks_of_anything(lines: list[str], kind: str, language: str) -> None:
    document = Document("any", "\n".join(lines), "Any", language, format=kind)
    check(document, chunk(document, SMALL), SMALL.scaled(language))


def test_wrong_sizes_are_told() -> None:
    with pytest.raises(ConfigError, match="must rise"):
        ChunkConfig(target=2000, maximum=1400)
    with pytest.raises(ConfigError, match="cjk_scale"):
        ChunkConfig(cjk_scale=2)
