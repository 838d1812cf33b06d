"""One stream of events for the process: time, stage, step, name, value, unit.

Stages emit; terminal progress, the event log and the report are readers. Library code never prints, so this is the only
way in which work talks. Progress is a convention: the name "progress" with the number of things done, the name "total"
with how many there are, both with the unit of the things ("files", "steps"). Cost: nothing to speak of with no reader.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from whelm.core.types import Event

__all__ = ["PROGRESS", "TOTAL", "EventLog", "emit", "read_events", "send", "subscribe"]

PROGRESS = "progress"
TOTAL = "total"

_readers: tuple[Callable[[Event], None], ...] = ()  # replaced, never changed: emitting needs no lock
_lock = threading.Lock()


def emit(stage: str, name: str, value: float | str, unit: str = "", step: int = 0) -> None:
    """Tell all readers of this process."""
    if _readers:
        send(Event(time.time(), stage, step, name, value if isinstance(value, str) else float(value), unit))


def send(event: Event) -> None:
    """Tell all readers of an event that was made elsewhere, as in a worker process."""
    for reader in _readers:
        reader(event)


def subscribe(reader: Callable[[Event], None]) -> Callable[[], None]:
    """Have `reader` called with every event from now on; returns what ends that."""
    global _readers
    entry = _Reader(reader)  # its own identity: the same callable may subscribe twice
    with _lock:
        _readers = (*_readers, entry)

    def unsubscribe() -> None:
        global _readers
        with _lock:
            _readers = tuple(r for r in _readers if r is not entry)

    return unsubscribe


class EventLog:
    """Events as JSON lines, appended and handed to the system one by one: a kill loses none of them.

    A log that cannot be written (disk full) falls silent and says why in `error`: a build must not die of its diary.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.error = ""
        self._lock = threading.Lock()
        self._descriptor = -1
        self._unsubscribe: Callable[[], None] | None = None

    def __enter__(self) -> EventLog:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._descriptor).st_size
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                os.write(self._descriptor, b"\n")  # the last line of a killed process: ours begins on its own
        except OSError as error:
            self.error = f"{self.path}: {error.strerror}"
        self._unsubscribe = subscribe(self.write)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unsubscribe:
            self._unsubscribe()
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def write(self, event: Event) -> None:
        """Append one event."""
        value = event.value
        if isinstance(value, float) and not math.isfinite(value):
            value = str(value)  # JSON has no NaN
        line = json.dumps(
            {
                "time": round(event.time, 6),
                "stage": event.stage,
                "step": event.step,
                "name": event.name,
                "value": value,
                "unit": event.unit,
            }
        )
        with self._lock:
            if self.error or self._descriptor < 0:
                return
            try:
                os.write(self._descriptor, line.encode() + b"\n")
            except OSError as error:
                self.error = f"{self.path}: {error.strerror}"


def read_events(path: Path | str) -> Iterator[Event]:
    """The events of a log; lines that a crash has torn are left out."""
    with Path(path).open("rb") as file:
        for line in file:
            try:
                row = json.loads(line)
                yield Event(
                    float(row["time"]),
                    str(row["stage"]),
                    int(row["step"]),
                    str(row["name"]),
                    row["value"] if isinstance(row["value"], str) else float(row["value"]),
                    str(row["unit"]),
                )
            except (ValueError, KeyError, TypeError):
                continue


class _Reader:
    __slots__ = ("call",)

    def __init__(self, call: Callable[[Event], None]) -> None:
        self.call = call

    def __call__(self, event: Event) -> None:
        self.call(event)
