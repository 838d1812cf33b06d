"""How far the work is, read from the event stream and told on stderr.

On a terminal a bar a stage, with rate and time left; elsewhere a plain line every few seconds and one at the end of
each stage; nothing with `--quiet`. A stage says how far it is with the events "total" and "progress"; its other
numbers (a loss, say) are shown beside the bar as they come. The rate counts what was done since the first event, not
what an earlier, interrupted run had done: time left = (total - done) / rate.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TextIO

from whelm.cli.escape import one_line
from whelm.core.types import Event

__all__ = ["Plain", "StageProgress", "duration", "watching"]

PLAIN_INTERVAL_S = 5.0
_SHOWN_NOTES = 2


@contextlib.contextmanager
def watching(quiet: bool = False, stream: TextIO | None = None) -> Iterator[None]:
    """Show progress while the block runs."""
    stream = stream or sys.stderr
    if quiet:
        yield
        return
    from whelm.core import events

    if stream.isatty():
        with _bars(stream) as reader:
            end = events.subscribe(reader)
            try:
                yield
            finally:
                end()
        return
    plain = Plain(stream)
    end = events.subscribe(plain)
    try:
        yield
    finally:
        end()
        plain.close()


@dataclass(slots=True)
class StageProgress:
    """What is known of one stage."""

    name: str
    began: float  # seconds since the epoch
    last: float = 0.0
    done: float = 0.0
    first_done: float | None = None  # where this run began: what a resumed stage had is no speed of ours
    total: float | None = None
    unit: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    def update(self, event: Event) -> None:
        self.last = event.time
        if event.name == "total" and not isinstance(event.value, str):
            self.total, self.unit = event.value, event.unit or self.unit
        elif event.name == "progress" and not isinstance(event.value, str):
            if self.first_done is None:
                self.first_done, self.began = event.value, event.time
            self.done, self.unit = event.value, event.unit or self.unit
        else:
            value = event.value if isinstance(event.value, str) else f"{event.value:.4g}"
            self.notes.pop(event.name, None)  # the newest stands last
            self.notes[event.name] = f"{event.name} {value} {event.unit}".rstrip()

    @property
    def finished(self) -> bool:
        return self.total is not None and self.done >= self.total

    @property
    def rate(self) -> float:
        """Units a second; 0 where nothing is known yet."""
        seconds = self.last - self.began
        return (self.done - (self.first_done or 0.0)) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.rate if self.total is not None and self.rate > 0 else None

    @property
    def speed(self) -> str:
        return f"{self.rate:,.0f} {self.unit}/s" if self.rate >= 10 else f"{self.rate:.2g} {self.unit}/s"

    @property
    def aside(self) -> str:
        return one_line(", ".join(list(self.notes.values())[-_SHOWN_NOTES:]))[:100]

    def line(self) -> str:
        parts = []
        if self.total is not None:
            share = 100 * self.done / self.total if self.total else 100
            parts.append(f"{self.done:,.0f} of {self.total:,.0f} {self.unit} ({share:.0f}%)")
        elif self.first_done is not None:
            parts.append(f"{self.done:,.0f} {self.unit}".rstrip())
        if self.rate > 0:
            parts.append(self.speed)
        if not self.finished and (left := self.seconds_left) is not None:
            parts.append(f"about {duration(left)} left")
        if self.aside:
            parts.append(self.aside)
        return f"{one_line(self.name)}: {', '.join(parts) or 'begun'}"


def duration(seconds: float) -> str:
    """7 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Plain:
    """Lines for logs and pipes: at most one in `interval_s`, and one at the end of a stage. Events of any thread."""

    def __init__(self, stream: TextIO, interval_s: float = PLAIN_INTERVAL_S) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._stages: dict[str, StageProgress] = {}
        self._told: dict[str, str] = {}
        self._last = 0.0
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.stage not in self._stages:
                # what the one before had reached is said before the next begins
                self._tell_all()
                self._stages[event.stage] = StageProgress(event.stage, event.time)
                self._last = event.time
            stage = self._stages[event.stage]
            was_finished = stage.finished
            stage.update(event)
            if (stage.finished and not was_finished) or event.time - self._last >= self._interval_s:
                self._tell(stage)
                self._last = event.time

    def close(self) -> None:
        with self._lock:
            self._tell_all()

    def _tell_all(self) -> None:
        for stage in self._stages.values():
            if self._told.get(stage.name) is None or not stage.finished:
                self._tell(stage)

    def _tell(self, stage: StageProgress) -> None:
        line = stage.line()
        if self._told.get(stage.name) != line:
            self._told[stage.name] = line
            with contextlib.suppress(OSError, ValueError):  # nobody listens any more: no reason to stop the work
                self._stream.write(line + "\n")
                self._stream.flush()


@contextlib.contextmanager
def _bars(stream: TextIO) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn
    from rich.text import Text

    # all text goes in through fields that are not read as markup: names may hold brackets
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
    )
    stages: dict[str, tuple[StageProgress, TaskID]] = {}
    lock = threading.Lock()
    with Progress(*columns, console=Console(file=stream, highlight=False, markup=False), refresh_per_second=5) as bars:

        def reader(event: Event) -> None:
            with lock:
                if event.stage not in stages:
                    name = one_line(event.stage)
                    stages[event.stage] = (
                        StageProgress(event.stage, event.time),
                        bars.add_task(name, total=None, state=Text("").plain),
                    )
                stage, task = stages[event.stage]
                stage.update(event)
                state = stage.line().partition(": ")[2]
                bars.update(task, completed=stage.done, total=stage.total, state=state)

        yield reader
