"""Files that exist whole or not at all.

`write_atomic` writes beside the place, flushes data and folder to disk and renames; `publish` does the same for a
folder. After a crash or a loss of power the old state or the new one is there, never a mixture. A full disk becomes a
LimitError that says so (`guard_disk`), whoever noticed it: the system, SQLite, or a library that only has a message.
Cost: two fsync a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from whelm.core.errors import LimitError

__all__ = ["flush_tree", "free_bytes", "guard_disk", "is_disk_full", "publish", "remove_tree", "write_atomic"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_atomic(path: Path | str, content: bytes | str) -> None:
    """Replace a file's content in one step; a reader sees the old content or the new."""
    path = Path(path)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    with guard_disk("writing", path, permission=True):
        try:
            with part.open("xb") as file:
                file.write(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _flush_folder(path.parent)


def publish(source: Path | str, target: Path | str) -> None:
    """Move a finished folder to its place by one rename, after all that it holds is on disk."""
    source, target = Path(source), Path(target)
    with guard_disk("publishing", target, permission=True):
        flush_tree(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        _flush_folder(target.parent)


def flush_tree(folder: Path | str) -> None:
    """Flush every file and folder below `folder` to disk, contents before names."""
    for at, _, names in os.walk(folder, topdown=False):
        for name in names:
            descriptor = os.open(Path(at, name), os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        _flush_folder(Path(at))


def free_bytes(path: Path | str) -> int:
    """Bytes that may still be written where `path` is, or will be."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def remove_tree(path: Path | str) -> None:
    """Remove a file or a whole folder; what is not there (any more) is fine."""
    path = Path(path)
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


@contextlib.contextmanager
def guard_disk(what: str, where: Path | str, permission: bool = False) -> Iterator[None]:
    """Turn "disk full" of any origin, and with `permission` "may not write", into a LimitError."""
    try:
        yield
    except Exception as error:
        if is_disk_full(error):
            raise LimitError(
                f"no space left on the disk while {what} {where} ({_free(where)})",
                "free some space, then run the same command again: it continues where it stopped",
            ) from error
        if permission and isinstance(error, OSError) and error.errno in _FORBIDDEN:
            raise LimitError(
                f"not allowed to write while {what} {where}: {error.strerror}",
                "choose a folder that you may write to, or change its permissions",
            ) from error
        raise


def is_disk_full(error: BaseException) -> bool:
    """Whether an error means that the disk, a quota or a size limit is exhausted."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or "disk is full" in str(error)
    # libraries written in Rust and C++ (tantivy, safetensors, Arrow) give a message without a number
    return not isinstance(error, LimitError) and os.strerror(errno.ENOSPC) in str(error)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


def _free(where: Path | str) -> str:
    with contextlib.suppress(OSError):
        return f"{free_bytes(where) / 1e6:,.1f} MB free"
    return "free space unknown"
