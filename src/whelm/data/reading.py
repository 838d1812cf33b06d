"""A file to its documents, and the ledger that says what became of every file.

    read_source(file) -> Parsed(documents, outcome, reason)

A pure function of the file's bytes and name. Formats whose parsers could be turned against us (html, pdf, docx, ipynb,
all that is compressed) are read in `core.sandbox`, under limits of memory and time; a crash there is an outcome. Text
formats are read in place, up to a size. No file raises, no file is passed over silently. About 2,000 small text files a
second, 500 small pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from whelm.core.errors import WhelmError
from whelm.core.sandbox import SandboxError, run_limited
from whelm.core.types import Document
from whelm.data.readers.child import read_file
from whelm.data.readers.extract import Limits
from whelm.data.sources import SourceFile, document_id
from whelm.data.structure.python import docstring_prose
from whelm.text.language import detect_language

__all__ = ["OUTCOMES", "LedgerRow", "Limits", "Parsed", "ledger_counts", "ledger_row", "read_source", "read_sources"]

OUTCOMES: dict[str, str] = {
    "parsed": "read; the reason, if any, says what was odd",
    "empty": "holds no text",
    "encrypted": "needs a password",
    "binary": "holds no text under the name of a text",
    "scanned": "holds images of text: text recognition is needed",
    "unreadable": "damaged, not to be opened, or not what its name says",
    "too large": "passes a limit of size, or is made to grow",
    "failed": "its parser ran out of time or memory, or crashed",
    "link": "leads to what is read elsewhere, out of the folder, or back",
    "ignored": "left out by a pattern, hidden, or the usual junk",
    "unsupported": "of a format that is not read",
    "duplicate": "says the same as another document",
    "filtered": "left out by a rule",
}

_IN_PLACE = frozenset({"md", "rst", "txt", "py", "csv", "jsonl"})
# a trip to the child costs little, but on a busy machine each waits for its turn: 5,000 small files in groups of 32
# took 19 s there where one by one they took 30
_GROUP_FILES = 32
_GROUP_BYTES = 1 << 20
_SMALL_CODE_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file gave: documents, what became of it, and why."""

    documents: tuple[Document, ...]
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger."""

    path: str
    outcome: str
    reason: str
    documents: int
    size: int
    characters: int = 0

    def record(self) -> dict[str, Any]:
        """Its JSON form."""
        return asdict(self)


def read_source(file: SourceFile, limits: Limits | None = None) -> Parsed:
    """The documents of one file; whatever goes wrong is an outcome with a reason."""
    if file.outcome:
        return Parsed((), file.outcome, file.reason)
    limits = limits or Limits()
    arguments = (*_job(file), asdict(limits))
    try:
        if _in_place(file):
            return _parsed(file, read_file(*arguments))
        return _parsed(file, _call("read_file", arguments, limits))
    except SandboxError as error:
        return Parsed((), "failed", error.message)
    except WhelmError as error:
        return Parsed((), "unreadable", f"its parser gave up: {error.message}")
    except (MemoryError, RecursionError) as error:
        return Parsed((), "failed", f"reading it ended in a {type(error).__name__}")


def read_sources(
    files: Iterable[SourceFile], limits: Limits | None = None, workers: int = 1
) -> Iterator[tuple[SourceFile, Parsed]]:
    """`read_source` over many files, in their order, with the same result; its threads only wait for children."""
    groups = _groups(files)
    if workers <= 1:
        for group in groups:
            yield from zip(group, _read_group(group, limits), strict=True)
        return
    with ThreadPoolExecutor(workers, "read") as pool:
        while batch := list(islice(groups, 2 * workers)):
            for group, found in zip(batch, pool.map(lambda group: _read_group(group, limits), batch), strict=True):
                yield from zip(group, found, strict=True)


def ledger_row(file: SourceFile, parsed: Parsed) -> LedgerRow:
    """The ledger's line of one file."""
    characters = sum(len(document.text) for document in parsed.documents)
    return LedgerRow(file.path, parsed.outcome, parsed.reason, len(parsed.documents), file.size, characters)


def _in_place(file: SourceFile) -> bool:
    return file.format in _IN_PLACE and not file.compressed


def _job(file: SourceFile) -> tuple[str, str, str, bool]:
    return os.fspath(file.absolute), file.path, file.format, file.compressed


def _call(function: str, arguments: Sequence[Any], limits: Limits) -> Any:
    return run_limited(
        f"whelm.data.readers.child:{function}",
        arguments,
        memory_bytes=limits.memory_bytes,
        seconds=limits.seconds,
        output_bytes=4 * limits.file_bytes,
    )


def _parsed(file: SourceFile, found: dict[str, Any]) -> Parsed:
    documents = tuple(_document(file, record) for record in found["extracts"])
    return Parsed(documents, str(found["outcome"]), str(found["reason"]))


def _groups(files: Iterable[SourceFile]) -> Iterator[list[SourceFile]]:
    """Files in runs that are worth one trip to the sandbox; a large file goes alone."""
    group: list[SourceFile] = []
    size = 0
    for file in files:
        if group and (len(group) >= _GROUP_FILES or size + file.size > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def _read_group(group: list[SourceFile], limits: Limits | None) -> list[Parsed]:
    """All of a group in one trip; should anything go wrong, one by one, so that only the culprit pays."""
    limits = limits or Limits()
    together = [file for file in group if not file.outcome and not _in_place(file)]
    found: dict[str, Parsed] = {}
    if len(together) > 1:
        try:
            replies = _call("read_files", ([list(_job(file)) for file in together], asdict(limits)), limits)
            found = {file.path: _parsed(file, reply) for file, reply in zip(together, replies, strict=True)}
        except (WhelmError, MemoryError, RecursionError, ValueError):
            found = {}
    return [found.get(file.path) or read_source(file, limits) for file in group]


def _document(file: SourceFile, record: dict[str, Any]) -> Document:
    text, key = record["text"], record["key"]
    metadata: dict[str, str] = dict(record["metadata"])
    declared = metadata.pop("html_language", "")
    prose = docstring_prose(text) if file.format == "py" else text
    default = declared or _SMALL_CODE_LANGUAGE
    identifier = f"{file.path}#{document_id(key)}" if key else file.path
    return Document(
        id=identifier,
        text=text,
        title=record["title"] or _stem(file.path) + (f" {key}" if key else ""),
        language=detect_language(prose, default=default) if prose.strip() else default,
        source=document_id(os.fspath(file.absolute)),
        format=file.format,
        metadata=metadata,
        page_starts=tuple(record["page_starts"]),
    )


def _stem(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    name = name[:-3] if name.lower().endswith(".gz") else name
    return name.rsplit(".", 1)[0] or name


def ledger_counts(rows: Sequence[LedgerRow]) -> dict[str, int]:
    """Files by outcome, in the order of `OUTCOMES`."""
    return {outcome: count for outcome in OUTCOMES if (count := sum(row.outcome == outcome for row in rows))}
