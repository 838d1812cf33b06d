"""One process at a time: a lock is a file under `flock`, and the kernel frees it when its holder dies.

The file names the holder's process id. A lock file may be removed by its holder: whoever then gets the lock of the
removed file sees that the path leads elsewhere and tries anew. Locks also hold between threads of one process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from whelm.core import stop
from whelm.core.errors import LimitError
from whelm.core.files import guard_disk

__all__ = ["LockedError", "hold", "holder"]

_PATIENCE_S = 0.05


class LockedError(LimitError):
    """Another process, or another thread of this one, holds the lock."""


@contextlib.contextmanager
def hold(path: Path | str, wait: bool = True, remove: bool = False) -> Iterator[None]:
    """Hold the lock while the block runs.

    With `wait` off, a lock that is held raises a LockedError that names the holder; with `remove`, the file goes after.
    Waiting ends with `Interrupted` when a stop is requested.
    """
    path = Path(path)
    descriptor = _acquire(path, wait)
    try:
        with contextlib.suppress(OSError):  # only for people; on a full disk, pruning must still get its locks
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def holder(path: Path | str) -> int | None:
    """The process that holds the lock, None if nobody does (0 if it has not yet said its id)."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)


def _acquire(path: Path, wait: bool) -> int:
    with guard_disk("locking", path, permission=True):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with guard_disk("locking", path, permission=True):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _leads_here(path, descriptor):
                return descriptor
            os.close(descriptor)
            continue
        except BlockingIOError:
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not wait:
            raise LockedError(
                f"{path.parent} is in use by process {holder(path) or 'unknown'}",
                "wait until that process is done, or stop it",
            )
        # no blocking flock: a signal would not end it, Python starts it again
        if stop.wait(_PATIENCE_S):
            raise stop.Interrupted("stopped while waiting for another process")


def _leads_here(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
