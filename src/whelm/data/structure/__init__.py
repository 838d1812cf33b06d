"""Where a document's headings, paragraphs, lists, code, tables and definitions lie, by the rules of its format.

    blocks(document) -> [Block(kind, start, end, headings, level), ...]

Invariant: the blocks lie in order, do not overlap, and hold every character that is not white space; `start` and `end`
count characters of `Document.text`. `headings` is the path of titles above a block, outermost first; a heading's
own title is the last of its path, so all blocks of one section share one path. One pass over the lines with patterns
that look at bounded heads of lines only: linear in the text, about 10 MB/s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from whelm.data.structure.lines import Block, Outline
from whelm.data.structure.markdown import markdown_blocks
from whelm.data.structure.plain import csv_blocks, plain_blocks
from whelm.data.structure.python import python_blocks
from whelm.data.structure.restructured import docstring_blocks, restructured_blocks

if TYPE_CHECKING:  # readers load this package in a fresh process, without numpy
    from whelm.core.types import Document

__all__ = ["Block", "blocks", "text_blocks"]

# extracted formats (html, pdf, docx, ipynb) are written as Markdown by their readers
_PARSERS: dict[str, Callable[[Outline], None]] = {
    "md": markdown_blocks, "html": markdown_blocks, "pdf": markdown_blocks, "docx": markdown_blocks,
    "ipynb": markdown_blocks, "jsonl": markdown_blocks, "rst": restructured_blocks, "pydoc": docstring_blocks,
    "py": python_blocks, "csv": csv_blocks, "txt": plain_blocks,
}  # fmt: skip


def blocks(document: Document) -> list[Block]:
    """The blocks of a document, by its format; an unknown format is read as plain text."""
    return text_blocks(document.text, document.format)


def text_blocks(text: str, file_format: str = "txt") -> list[Block]:
    """The blocks of a text in one of the formats md, rst, txt, py, csv, pydoc, html, pdf, docx, ipynb, jsonl."""
    outline = Outline(text)
    _PARSERS.get(file_format, plain_blocks)(outline)
    return outline.blocks
