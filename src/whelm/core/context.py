"""What a stage gets to work with, and the loop that never does an item twice.

`Context.each` keeps every item's result in an append-only log in the key's scratch folder: one line an item, a CRC and
then JSON. A kill tears at most the last line; on the next run the log is cut after its last whole line, and what stands
there is read instead of computed. The CRC replaces fsync: 20 us an item, and a loss of power costs work, not truth.
Invariant: results come in the items' order, and a resumed loop yields what an undisturbed one does.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from whelm.core import events, stop
from whelm.core.artifact import Artifact
from whelm.core.digest import digest
from whelm.core.errors import WhelmError
from whelm.core.files import guard_disk
from whelm.core.types import Metric

__all__ = ["Context", "Outcome"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a stage says about its artifact besides the files."""

    content: str = ""
    """Content digest of the sorted logical rows, where files differ in irrelevant ways; empty: that of the files."""
    counts: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """The one argument of a stage."""

    stage: str
    key: str
    config: Any  # what is computed: part of the key
    inputs: Mapping[str, Artifact]
    options: Any  # how it is computed: device, workers; never changes the result
    out: Path  # an empty folder; what is in it at the end is the artifact
    scratch: Path  # survives a crash and belongs to this key alone: checkpoints go here

    def emit(self, name: str, value: float | str, unit: str = "", step: int = 0) -> None:
        """Tell the readers of the event stream."""
        events.emit(self.stage, name, value, unit, step)

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Say how far the work is."""
        if total is not None:
            self.emit(events.TOTAL, total, unit)
        self.emit(events.PROGRESS, done, unit)

    def each(
        self,
        items: Iterable[Item],
        *,
        key: Callable[[Item], Any],
        work: Callable[[list[Item]], Sequence[Any]],
        batch: int = 1,
        name: str = "items",
        unit: str = "items",
    ) -> Iterator[Any]:
        """The JSON result of every item, in order; what an earlier, interrupted run has computed is not computed again.

        key: what decides an item's result (path and digest of the content, say); its digest names the result
        work: up to `batch` consecutive items to as many JSON-able results; may spread them over an executor
        name: distinguishes the loops of one stage
        """
        total = len(items) if isinstance(items, Sized) else None
        self.progress(0, total, unit)
        source, done = iter(items), 0
        with _Results(self.scratch / f"{name}.results") as results:
            while window := list(islice(source, max(1, batch))):
                stop.check()
                names = [digest(key(item)) for item in window]
                todo = {n: item for n, item in zip(names, window, strict=True) if n not in results}
                if todo:
                    made = work(list(todo.values()))
                    if len(made) != len(todo):
                        raise WhelmError(f"stage {self.stage}: expected {len(todo)} results, found {len(made)}")
                    results.append(zip(todo, made, strict=True))
                yield from map(results.read, names)
                done += len(window)
                self.progress(done, None, unit)


class _Results:
    """A log of named JSON results: lines of 8 hex digits of CRC-32, the name, the result."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, tuple[int, int]] = {}  # name -> offset and length of its line; not the results
        self._descriptor = -1
        self._end = 0

    def __enter__(self) -> _Results:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        with self._path.open("rb") as file:
            for line in file:
                if not _is_whole(line):
                    break
                self._places[_short(line[9:73].decode())] = (self._end, len(line))
                self._end += len(line)
        os.ftruncate(self._descriptor, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def __contains__(self, name: str) -> bool:
        return _short(name) in self._places

    def append(self, rows: Iterable[tuple[str, Any]]) -> None:
        lines, places, end = [], {}, self._end
        for name, value in rows:
            body = f"{name} {json.dumps(value, separators=(',', ':'), ensure_ascii=False)}\n"
            data = body.encode("utf-8", "surrogatepass")
            lines.append(b"%08x %b" % (zlib.crc32(data), data))
            places[_short(name)] = (end, len(lines[-1]))
            end += len(lines[-1])
        with guard_disk("saving results in", self._path):
            view = memoryview(b"".join(lines))
            at = self._end
            while view:
                written = os.pwrite(self._descriptor, view, at)
                at, view = at + written, view[written:]
        self._places.update(places)  # only now: a batch that did not fit on the disk is not there
        self._end = end

    def read(self, name: str) -> Any:
        at, length = self._places[_short(name)]
        return json.loads(os.pread(self._descriptor, length, at)[74:].decode("utf-8", "surrogatepass"))


def _short(name: str) -> bytes:
    return bytes.fromhex(name)  # half the memory of its spelling


def _is_whole(line: bytes) -> bool:
    return len(line) > 75 and line.endswith(b"\n") and line[:8] == b"%08x" % zlib.crc32(line[9:])
