"""The function that runs in the sandbox: one file of an untrusted format to plain records."""

from __future__ import annotations

import importlib
import os
import stat
from typing import Any

from whelm.data.readers.compressed import decompress
from whelm.data.readers.extract import Declined, Limits, megabytes

__all__ = ["READERS", "read_bytes", "read_file", "read_files"]

# imported by name: the child loads only the parsers that it needs, and a broken one harms no other format
READERS = {
    "md": "plain:read_plain", "rst": "plain:read_plain", "txt": "plain:read_plain", "py": "plain:read_plain",
    "csv": "plain:read_plain", "jsonl": "tables:read_rows", "html": "html:read_html", "pdf": "pdf:read_pdf",
    "docx": "docx:read_docx", "ipynb": "notebook:read_notebook",
}  # fmt: skip


def read_file(path: str, name: str, file_format: str, compressed: bool, limits: dict[str, Any]) -> dict[str, Any]:
    """{"outcome", "reason", "extracts": [records]} of one file."""
    bounds = Limits(**limits)
    try:
        content = read_bytes(path, bounds)
        if compressed:
            content = decompress(content, bounds)
        if not content.strip():
            return {"outcome": "empty", "reason": "no text", "extracts": []}
        module, _, function = READERS[file_format].partition(":")
        reader = getattr(importlib.import_module(f"whelm.data.readers.{module}"), function)
        extracts = [extract for extract in reader(content, name, bounds) if extract.text.strip()]
    except Declined as declined:
        return {"outcome": declined.outcome, "reason": declined.reason, "extracts": []}
    if not extracts:
        return {"outcome": "empty", "reason": "no text", "extracts": []}
    note = "; ".join(dict.fromkeys(extract.note for extract in extracts if extract.note))
    return {"outcome": "parsed", "reason": note, "extracts": [extract.record() for extract in extracts]}


def read_files(jobs: list[list[Any]], limits: dict[str, Any]) -> list[dict[str, Any]]:
    """`read_file` for each of several small files."""
    return [read_file(path, name, file_format, compressed, limits) for path, name, file_format, compressed in jobs]


def read_bytes(path: str, limits: Limits) -> bytes:
    """A regular file's bytes, up to the limit; never waits for a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Declined("unreadable", f"cannot be opened: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Declined("unreadable", "not a regular file")
            if status.st_size > limits.file_bytes:
                raise Declined(
                    "too large",
                    f"{megabytes(status.st_size)}, the limit is {megabytes(limits.file_bytes)}: "
                    "split it, or raise the limit",
                )
            content = stream.read(limits.file_bytes + 1)
        except OSError as error:
            raise Declined("unreadable", f"cannot be read: {error.strerror}") from error
    if len(content) > limits.file_bytes:
        raise Declined("too large", f"grew past the limit of {megabytes(limits.file_bytes)} while it was read")
    return content
