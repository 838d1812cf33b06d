"""Child processes that serve many calls: a fresh interpreter, two pipes, frames of an 8 byte length and a body.

A child starts in about 40 ms from nothing but this interpreter and `sys.path` (no fork: threads and locks of the parent
are not copied; no run of the parent's main module). It has a session of its own, so Ctrl-C reaches the parent alone,
which ends its children by closing their pipes; a third pipe tells a busy child that the parent died.
What a child sends is read with a deadline and a bound on its size, and may come from a child that went mad.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = [
    "Channel",
    "Child",
    "ChildDiedError",
    "FrameTooLargeError",
    "FrameTooLateError",
    "boot",
    "describe_exit",
    "wait_readable",
]

_HEADER = struct.Struct(">Q")
_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from whelm.core.processes import boot; boot()"


class ChildDiedError(Exception):
    """The other end is gone."""


class FrameTooLateError(Exception):
    """Nothing whole came before the deadline."""


class FrameTooLargeError(Exception):
    """A frame is announced that is larger than allowed."""


class Channel:
    """Frames over a pair of pipe ends."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading = reading
        self.writing = writing

    def send(self, body: bytes) -> None:
        """Send one frame; raises ChildDiedError when nobody reads."""
        view = memoryview(_HEADER.pack(len(body)) + body)
        try:
            while view:
                view = view[os.write(self.writing, view) :]
        except (BrokenPipeError, OSError) as error:
            raise ChildDiedError() from error

    def receive(self, most_bytes: int | None = None, deadline: float | None = None) -> bytes:
        """The next frame; `deadline` is a time of `time.monotonic()`."""
        (size,) = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if most_bytes is not None and size > most_bytes:
            raise FrameTooLargeError()
        return self._read(size, deadline)

    def close(self) -> None:
        """Close both ends."""
        for descriptor in (self.reading, self.writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.reading = self.writing = -1

    def _read(self, size: int, deadline: float | None) -> bytes:
        parts, missing = [], size
        while missing:
            if deadline is not None and not wait_readable([self.reading], deadline - time.monotonic()):
                raise FrameTooLateError()
            part = os.read(self.reading, min(missing, 1 << 20))
            if not part:
                raise ChildDiedError()
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


class Child:
    """A running child and the channel to it."""

    def __init__(self, entry: str, environment: Mapping[str, str] | None = None, quiet: bool = False) -> None:
        """entry: "module:function", called in the child with its channel; quiet: nothing it prints is seen."""
        requests, self_writes = os.pipe()
        self_reads, replies = os.pipe()
        watched, self._alive = os.pipe()
        paths = json.dumps([str(Path(p).absolute()) for p in sys.path])  # "" means the present folder
        ends = [str(end) for end in (requests, replies, watched)]
        try:
            self.process = subprocess.Popen(
                # -P: no module is taken from the present folder, which may be the documents'
                [sys.executable, "-P", "-c", _BOOT, paths, entry, *ends],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # data on stdout is the parent's to write
                stderr=subprocess.DEVNULL if quiet else None,
                env=None if environment is None else dict(environment),
                pass_fds=(requests, replies, watched),
                start_new_session=True,
            )
        except BaseException:
            for end in (self_writes, self_reads, self._alive):
                os.close(end)
            raise
        finally:
            for end in (requests, replies, watched):
                os.close(end)
        self.channel = Channel(self_reads, self_writes)

    def kill(self) -> int:
        """End it now; its exit status, negative for the signal that had ended it already."""
        status = self.process.poll()
        if status is None:
            self.process.kill()
            self.process.wait()
            status = -signal.SIGKILL
        self._close()
        return status

    def died(self) -> int:
        """Its exit status, once its end of the pipes is closed."""
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # closed its pipes, and lives
            return self.kill()
        self._close()
        return status

    def close(self) -> None:
        """Let it end by itself when idle: its pipe says that no more calls come."""
        self._close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def _close(self) -> None:
        self.channel.close()
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1


def boot() -> None:
    """The child's side: watch the parent, then serve until the channel closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, name = sys.argv[2].partition(":")
    requests, replies, watched = (int(end) for end in sys.argv[3:6])
    for end in (requests, replies, watched):
        os.set_inheritable(end, False)
    threading.Thread(target=_die_with_parent, args=(watched,), daemon=True).start()
    sys.argv[1:] = []
    with contextlib.suppress(ChildDiedError):
        getattr(importlib.import_module(module), name)(Channel(requests, replies))
    os._exit(0)  # at once: no exit handlers of libraries whose memory may be limited


def wait_readable(descriptors: list[int], seconds: float | None = None) -> list[int]:
    """Those of the pipe ends on which something came, or that were closed, within the time."""
    poll = select.poll()  # unlike select.select, takes descriptors above 1,023
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    found = poll.poll(None if seconds is None else max(0.0, seconds) * 1000)
    return [descriptor for descriptor, _ in found]


def _die_with_parent(watched: int) -> None:
    with contextlib.suppress(OSError):
        os.read(watched, 1)  # returns when the parent's end closes, by itself or with the parent
    os._exit(1)


def describe_exit(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit code {status}"
    with contextlib.suppress(ValueError):
        return f"signal {-status} ({signal.Signals(-status).name})"
    return f"signal {-status}"
