"""A polite end: Ctrl-C and SIGTERM ask, the work finishes its step, saves to scratch and raises `Interrupted`.

The command line installs the handlers (`with stop.listening():`); library code only looks (`stop.requested()`) or
leaves (`stop.check()`) between two steps. A second signal ends the process the usual way, at once.
`Interrupted` is no `Exception`: loops that survive every bad file (`except Exception`) must not survive this.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Interrupted", "check", "clear", "listening", "request", "requested", "wait"]

_flag = threading.Event()


class Interrupted(BaseException):
    """The work was asked to stop and has saved what it had: the same command continues it."""

    def __init__(
        self,
        message: str = "stopped on request; what was done is saved",
        hint: str = "run the same command again: it continues",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def requested() -> bool:
    """Whether somebody asked to stop."""
    return _flag.is_set()


def check() -> None:
    """Raise `Interrupted` if somebody asked to stop: for the place between two steps."""
    if _flag.is_set():
        raise Interrupted()


def request() -> None:
    """Ask all work of this process to stop after its present step."""
    _flag.set()


def clear() -> None:
    """Forget an earlier request."""
    _flag.clear()


def wait(seconds: float) -> bool:
    """Wait, but no longer than until somebody asks to stop; whether somebody did."""
    return _flag.wait(seconds)


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Let SIGINT and SIGTERM ask, once, while the block runs; the main thread's to use."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        if _flag.is_set():  # asked before: who asks twice does not want to wait
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        _flag.set()

    try:
        for number in before:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
