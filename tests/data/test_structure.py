"""Blocks: nothing lost, nothing twice, in order, for any text in any format; and the right ones for known texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.types import Document
from whelm.data.structure import Block, blocks, text_blocks

FORMATS = ["md", "rst", "txt", "py", "csv", "pydoc", "html", "jsonl", "unknown"]

# lines that begin or end something in one of the formats
PIECES = [
    "", " ", "\t", "text", "Two words.", "# Title", "## Sub #", "Title", "=====", "-----", "~~~~~", "***", "```",
    "~~~", "```py", "- item",
    "* item", "1. item", "2) item", "   more", "    code", "\tcode", "> quote", "| a | b |", "| --- | --- |",
    "---", "key: value",
    ": definition", ".. note::", ".. code-block:: py", ".. function:: f(x)", "   :option: x", "::", "text::",
    ":field: x", ">>> f()",
    "+---+---+", "===  ===", "term", "def f(x):", "class A:", "@decorated", '"""', "'''", '    """Doc."""',
    "x = (", ")", "'open", "\"a,b", 'a,"b',
    "async def g(", "# comment", "\\", "\x0c", "第一章", "CHAPTER IV", "1.2 Numbered title", "<h1>Head</h1>", "<div>",
    "*" * 30, "\u2028", "a\x85b",
]  # fmt: skip


def check(text: str, file_format: str) -> list[Block]:
    found = text_blocks(text, file_format)
    position = 0
    for block in found:
        assert block.start >= position, "blocks overlap or are out of order"
        assert not text[position : block.start].strip(), "text was left out"
        assert text[block.start : block.end].strip(), "an empty block"
        assert (block.level > 0) == (block.kind == "heading")
        assert block.kind != "heading" or block.headings
        position = block.end
    assert not text[position:].strip(), "text was left out at the end"
    return found


@pytest.mark.parametrize("file_format", FORMATS)
@given(lines=st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=25))
def test_every_character_lies_in_one_block(file_format: str, lines: list[str]) -> None:
    check("\n".join(lines), file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    "piece",
    [
        "# a\n",
        "=",
        "- a\n",
        "    x\n",
        "`" * 5,
        "| a ",
        "| - ",
        '"',
        "'''",
        "(",
        "\\",
        ">>> x\n",
        ".. a::\n\n  ",
        " ",
        ": a\n\n",
        "a\n===\n",
        "1.",
        "#",
        "word ",
    ],
)
def test_repetition_is_linear(file_format: str, piece: str) -> None:
    text = piece * (200_000 // len(piece)) + "x"
    started = time.process_time()
    check(text, file_format)
    assert time.process_time() - started < 2


def outline(text: str, file_format: str) -> list[tuple[str, str]]:
    return [(block.kind, text[block.start : block.end]) for block in text_blocks(text, file_format)]


def paths(text: str, file_format: str) -> list[tuple[str, ...]]:
    return [block.headings for block in text_blocks(text, file_format) if block.kind != "heading"]


def test_markdown() -> None:
    text = """---
title: x
---
Intro.

# One `code` [link](http://x.y/z) #

Para
goes on.
- not
- a paragraph

  in the item

  ```
  - code
  # code
  ```
- last

Setext
------
| a | b |
|---|---|
| 1 | 2 |

term
: meaning

```py
# no heading

x
```
    indented? no, after a fence it is code
> quote
> more
### Deep
1. one
2. two
text
# Two
***
end"""
    assert outline(text, "md") == [
        ("code", "---\ntitle: x\n---"),
        ("paragraph", "Intro."),
        ("heading", "# One `code` [link](http://x.y/z) #"),
        ("paragraph", "Para\ngoes on."),
        ("list", "- not\n- a paragraph\n\n  in the item\n\n  ```\n  - code\n  # code\n  ```\n- last"),
        ("heading", "Setext\n------"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("definition", "term\n: meaning"),
        ("code", "```py\n# no heading\n\nx\n```"),
        ("code", "    indented? no, after a fence it is code"),
        ("paragraph", "> quote\n> more"),
        ("heading", "### Deep"),
        ("list", "1. one\n2. two\ntext"),
        ("heading", "# Two"),
        ("paragraph", "***"),
        ("paragraph", "end"),
    ]
    assert paths(text, "md")[2] == ("One code link",)
    assert paths(text, "md")[-1] == ("Two",)
    assert [b.headings for b in text_blocks(text, "md") if b.kind == "heading"][2][1:] == ("Setext", "Deep")


def test_levels_may_be_skipped() -> None:
    text = "### c\n\nx\n\n# a\n\ny\n\n###### f\n\nz\n\n## b\n\nw"
    assert paths(text, "md") == [("c",), ("a",), ("a", "f"), ("a", "b")]


def test_restructured() -> None:
    text = """=====
Title
=====
:Author: me
:Date: now
   and then

Section
=======
Text::

    code = 1

    more

Back to text.

.. code-block:: python
   :linenos:

   print()

.. note:: Mind
   this.

   Body of the note.

Sub
---
term
    its definition

* item

  continued
* item

=====  =====
A      B
=====  =====
1      2
=====  =====

+---+
| a |
+---+

>>> 1 + 1
2

.. function:: copy(src)

   Copies.

   .. method:: inner()

      Inner.

After the functions.

Other
=====
.. _target: http://x
End"""
    found = outline(text, "rst")
    kinds = [kind for kind, _ in found]
    assert kinds == [
        "heading", "definition", "heading", "paragraph", "code", "paragraph", "code", "paragraph", "paragraph",
        "heading", "definition", "list", "table", "table", "code", "heading", "paragraph", "heading",
        "paragraph", "paragraph", "heading", "paragraph", "paragraph",
    ]  # fmt: skip
    where = {text[b.start : b.end]: b.headings for b in text_blocks(text, "rst")}
    assert where["Back to text."] == ("Title", "Section")
    assert where["Copies."] == ("Title", "Section", "Sub", "copy(src)")
    assert where["Inner."] == ("Title", "Section", "Sub", "copy(src)", "inner()")
    assert where["After the functions."] == ("Title", "Section", "Sub")
    assert where["End"] == ("Title", "Other")


def test_pep_header_is_one_block() -> None:
    text = "PEP: 1\nTitle: A long\n  title\nStatus: Final\n\nAbstract\n========\n\nText."
    assert outline(text, "rst") == [
        ("definition", text.split("\n\n")[0]),
        ("heading", "Abstract\n========"),
        ("paragraph", "Text."),
    ]


def test_docstring() -> None:
    text = "shutil.copy(src, dst, *,\n            follow=True)\n\nCopy a file.\n\n"
    text += "Args:\n    src: from\n    dst: to\n\n>>> copy('a', 'b')\n'b'"
    assert [kind for kind, _ in outline(text, "pydoc")] == ["definition", "paragraph", "definition", "code"]


def test_code_in_docstrings_needs_no_mark() -> None:
    text = "The statement\n*************\n\n   stmt ::= a\n          | b\n\nThe following code:\n\n"
    text += "   with A as b:\n       SUITE\n\n   x = 1\n\nmeans:\n\n   An indented remark\n   ('abs()' and others).\n"
    assert outline(text, "pydoc") == [
        ("heading", "The statement\n*************"),
        ("code", "   stmt ::= a\n          | b"),
        ("paragraph", "The following code:"),
        ("code", "   with A as b:\n       SUITE\n\n   x = 1"),
        ("paragraph", "means:"),
        ("paragraph", "An indented remark\n   ('abs()' and others)."),
    ]


def test_python() -> None:
    text = '''#!/usr/bin/env python
"""Module words.

More."""
import os

@decorator
class A(Base):
    """About A."""

    x = """
def not_a_function():
"""

    def method(self, a=(1,
                        2)) -> int:
        \'\'\'About method.\'\'\'
        return "def no(): pass"

    y = 1

async def f(): return 1
z = 2
'''
    found = outline(text, "py")
    assert [kind for kind, _ in found] == [
        "code", "paragraph", "paragraph", "code", "heading", "paragraph", "code", "heading", "paragraph",
        "code", "code", "heading", "code",
    ]  # fmt: skip
    assert found[4][1] == "@decorator\nclass A(Base):"
    where = {text[b.start : b.end].strip(): b.headings for b in text_blocks(text, "py")}
    assert where["'''About method.'''"] == ("A", "method")
    assert where["y = 1"] == ("A",)
    assert where["z = 2"] == ()


def test_broken_python_still_has_structure() -> None:
    text = "x = (1,\n\ndef f():\n    print 'old'\n\ndef g(:\n    pass\n"
    assert [b.headings[-1] for b in text_blocks(text, "py") if b.kind == "heading"] == ["f", "g"]


def test_plain_text() -> None:
    text = "Title here\n==========\n\nA paragraph\nof two lines.\n\n1.2 Setting it up\n\n"
    text += "Things:\n- one\n- two\n\nTHE END OF IT\n\nChapter 3. Ships\n\nwords"
    assert outline(text, "txt") == [
        ("heading", "Title here\n=========="),
        ("paragraph", "A paragraph\nof two lines."),
        ("heading", "1.2 Setting it up"),
        ("paragraph", "Things:"),
        ("list", "- one\n- two"),
        ("heading", "THE END OF IT"),
        ("heading", "Chapter 3. Ships"),
        ("paragraph", "words"),
    ]
    assert outline("1990 was a good year. It was long.\n\nWHY?", "txt")[0][0] == "paragraph"


def test_csv_rows_may_hold_line_ends() -> None:
    assert outline('a,b\n"x\ny",2\n\n3,4\n', "csv") == [("table", "a,b"), ("table", '"x\ny",2'), ("table", "3,4")]


def test_blocks_go_by_the_documents_format() -> None:
    document = Document(id="a", text="# x\n\ny", format="md")
    assert [block.kind for block in blocks(document)] == ["heading", "paragraph"]


def test_hostile_titles_stay_small() -> None:
    found = text_blocks("# " + "x" * 1_000_000 + "\n\ntext", "md")
    assert len(found[1].headings[0]) <= 200


def test_real_folders(shared) -> None:  # type: ignore[no-untyped-def]
    for pattern, file_format in (("docs_rust_book_en/src/ch0*.md", "md"), ("docs_python_peps/pep-00*.rst", "rst")):
        files = sorted((shared / "data").glob(pattern))
        assert files
        for path in files:
            found = check(path.read_text(), file_format)
            assert any(block.kind == "heading" for block in found), path
