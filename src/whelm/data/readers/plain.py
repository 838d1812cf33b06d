"""Markdown, reStructuredText, plain text, Python and CSV: the file's own text, only newlines normalized.

The title is the first heading (Markdown, reStructuredText, text), the front matter's or the PEP header's title, or the
first line of a module's docstring where it names the module.
"""

from __future__ import annotations

import re

from whelm.data.readers.encoding import decode
from whelm.data.readers.extract import Extract, Limits
from whelm.data.structure.lines import Outline
from whelm.data.structure.markdown import markdown_blocks
from whelm.data.structure.plain import plain_blocks
from whelm.data.structure.restructured import restructured_blocks

__all__ = ["first_heading", "read_plain"]

_FRONT_TITLE = re.compile(r"\A(?:---|\+\+\+)[ \t]*\n(?:.*\n){0,100}?title[ \t]*[:=][ \t]*(.{1,300})\n")
_PEP_TITLE = re.compile(r"\APEP:[ \t]*(\d+)[ \t]*\nTitle:[ \t]*(.{1,300}(?:\n[ \t]+.{1,300})?)\n")
_HEAD_CHARACTERS = 20_000


def read_plain(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """One text, with a title where the text gives one."""
    text, note = decode(content)
    return [Extract(text, title=_title(text, name), note=note)]


def first_heading(text: str, file_format: str) -> str:
    """The title of the first heading near the beginning of a text, or nothing."""
    outline = Outline(text[:_HEAD_CHARACTERS])
    parse = {"rst": restructured_blocks, "txt": plain_blocks}.get(file_format, markdown_blocks)
    parse(outline)
    return next((block.headings[-1] for block in outline.blocks if block.level and block.headings), "")


def _title(text: str, name: str) -> str:
    extension = name.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if extension in ("md", "markdown"):
        if match := _FRONT_TITLE.match(text[:_HEAD_CHARACTERS]):
            return match[1].strip().strip("\"'")
        return first_heading(text, "md")
    if extension == "rst":
        if match := _PEP_TITLE.match(text[:2000]):
            return f"PEP {match[1]} – {' '.join(match[2].split())}"
        return first_heading(text, "rst")
    return first_heading(text, "txt") if extension in ("txt", "text") else ""
