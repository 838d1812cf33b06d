"""Jupyter notebooks (nbformat 3 and 4): Markdown cells as they are, code fenced, text outputs kept short.

Images, HTML and widgets are left out; terminal colours are removed. A notebook is JSON, so a hostile one can only be
large or deeply nested; both end in a clear outcome.
"""

from __future__ import annotations

import json
import re
from typing import Any

from whelm.data.readers.encoding import decode, normalize_newlines, well_formed
from whelm.data.readers.extract import Declined, Extract, Limits
from whelm.data.readers.plain import first_heading

__all__ = ["read_notebook"]

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MAX_OUTPUT_LINES = 12
_MAX_OUTPUT_CHARACTERS = 1200


def read_notebook(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """One Markdown text of all cells in order."""
    text, note = decode(content)
    try:
        book = json.loads(text)
        cells = book.get("cells")
        if cells is None:
            cells = [cell for sheet in book.get("worksheets", ()) for cell in sheet.get("cells", ())]
        language = _language(book)
        parts = [part for cell in cells if isinstance(cell, dict) for part in _cell(cell, language)]
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise Declined("unreadable", f"not a notebook: {type(error).__name__}") from error
    joined = normalize_newlines(well_formed("\n\n".join(parts)))
    metadata = book.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else ""
    return [
        Extract(joined, title=title if isinstance(title, str) and title else first_heading(joined, "md"), note=note)
    ]


def _language(book: dict[str, Any]) -> str:
    metadata = book.get("metadata")
    info = metadata.get("kernelspec") or metadata.get("language_info") if isinstance(metadata, dict) else None
    language = (info.get("language") or info.get("name")) if isinstance(info, dict) else ""
    return re.sub(r"[^\w+#-]", "", language)[:20] if isinstance(language, str) and language else "python"


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _cell(cell: dict[str, Any], language: str) -> list[str]:
    kind = cell.get("cell_type")
    source = _joined(cell.get("source", cell.get("input", ""))).strip("\n")
    if kind == "heading":  # nbformat 3
        level = cell.get("level", 1)
        return ["#" * (level if level in (1, 2, 3, 4, 5, 6) else 1) + " " + source]
    if kind == "code":
        parts = [_fenced(source, language)] if source.strip() else []
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            shown = _shortened(_output(output)) if isinstance(output, dict) else ""
            if shown:
                parts.append(_fenced(shown, "output"))
        return parts
    return [source] if source.strip() else []


def _output(output: dict[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _joined(output.get("text"))
    if kind in ("error", "pyerr"):
        return f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    data = output.get("data")
    return _joined(data.get("text/plain")) if isinstance(data, dict) else _joined(output.get("text"))


def _shortened(text: str) -> str:
    lines = _COLOURS.sub("", text).strip("\n").split("\n")
    short = "\n".join(line[:300] for line in lines[:_MAX_OUTPUT_LINES])[:_MAX_OUTPUT_CHARACTERS]
    cut = len(lines) > _MAX_OUTPUT_LINES or len(short) == _MAX_OUTPUT_CHARACTERS
    return (short + "\n...") if cut and short.strip() else short if short.strip() else ""


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
