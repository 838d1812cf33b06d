"""JSON Lines: a document a line. (CSV is one document, its own text, and is read as plain text.)

The text of a row is its field text, content, body, ... or, where it has none, all its fields as "name: value" lines.
Title and id come from the fields of these names; every other field that is short becomes metadata. Lines that are no
JSON object are counted, never fatal.
"""

from __future__ import annotations

import json
from typing import Any

from whelm.data.readers.encoding import decode, normalize_newlines, well_formed
from whelm.data.readers.extract import Declined, Extract, Limits

__all__ = ["read_rows"]

_TEXT = ("text", "content", "body", "page_content", "abstract", "contents", "markdown", "passage")
_TITLE = ("title", "name", "headline", "subject")
_ID = ("id", "_id", "doc_id", "docid", "key", "uuid")
_MAX_FIELD = 500
_MAX_FIELDS = 50


def read_rows(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """A document a line, keyed by its id, or by its line's number where it has none or an id comes twice."""
    text, note = decode(content)
    found: list[Extract] = []
    taken: set[str] = set()
    broken, lines = 0, 0
    first_broken = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        lines += 1
        if len(found) >= limits.rows:
            note = f"{note}; more than {limits.rows:,} rows, the rest was left out".lstrip("; ")
            break
        row = _parse(line)
        if row is None:
            broken += 1
            first_broken = first_broken or number
            continue
        extract = _row(row, number, taken)
        if extract.text.strip():
            found.append(extract)
    if lines and not found and broken == lines:
        raise Declined("unreadable", f"none of its {lines:,} lines is a JSON object")
    if broken and found:
        broken_note = f"{broken:,} of {lines:,} lines are no JSON object (first: line {first_broken})"
        note = f"{note}; {broken_note}".lstrip("; ")
    if found and note:
        found[0].note = note
    return found


def _parse(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return None
    return row if isinstance(row, dict) else None


def _row(row: dict[str, Any], number: int, taken: set[str]) -> Extract:
    text_field = _first(row, _TEXT)
    title_field = _first(row, _TITLE)
    id_field = next((name for name in _ID if isinstance(row.get(name), (str, int)) and str(row[name]).strip()), "")
    key = well_formed(str(row[id_field]))[:200] if id_field else str(number)
    if key in taken:
        key = f"{number}" if str(number) not in taken else f"{number}:{key}"
    taken.add(key)
    title = well_formed(" ".join(row[title_field].split()))[:300] if title_field else ""
    rest = {
        name: value
        for name, value in list(row.items())[:_MAX_FIELDS]
        if name not in (text_field, title_field, id_field)
    }
    if text_field:
        text = row[text_field]
    elif any(isinstance(row.get(name), str) for name in _TEXT):
        text = ""  # there, and blank
    else:
        text = "\n".join(f"{name}: {_shown(value)}" for name, value in rest.items())
        text = f"{row[title_field]}\n\n{text}" if title_field and text else text or str(row.get(title_field, ""))
    metadata = {well_formed(str(name))[:100]: well_formed(_shown(value)) for name, value in rest.items()
                if isinstance(value, (str, int, float, bool)) and len(str(value)) <= _MAX_FIELD}  # fmt: skip
    return Extract(normalize_newlines(well_formed(text)), title=title, key=key, metadata=metadata)


def _first(row: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), "")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
