"""Files exist whole or not at all, and a full disk is an error that says so."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whelm.core import files
from whelm.core.errors import LimitError
from whelm.core.files import flush_tree, free_bytes, guard_disk, is_disk_full, publish, remove_tree, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def file_size_limit(most_bytes: int) -> Iterator[None]:
    """As if the disk were full: no file may grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_write_atomic_replaces_text_and_bytes(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "erst")
    write_atomic(tmp_path / "a", "grün\ud800")
    assert (tmp_path / "a").read_bytes() == "grün\ud800".encode("utf-8", "surrogatepass")
    write_atomic(tmp_path / "a", b"\0")
    assert (tmp_path / "a").read_bytes() == b"\0"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "old")
    with file_size_limit(1000), pytest.raises(LimitError, match=r"no space left.*writing") as caught:
        write_atomic(tmp_path / "a", b"x" * 100_000)
    assert "free some space" in caught.value.hint
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_data_is_on_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        order.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomic(tmp_path / "a", "x")
    assert order == ["file", "rename", "folder"]


def test_publish_flushes_everything_then_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "work" / "out"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("1")
    (source / "sub" / "b").write_text("2")
    flushed: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(str(tmp_path)))
        real_fsync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        flushed.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    publish(source, tmp_path / "objects" / "k")
    assert set(flushed[: flushed.index("rename")]) == {f"/work/out{x}" for x in ("", "/a", "/sub", "/sub/b")}
    assert flushed[-1] == "/objects"
    assert (tmp_path / "objects" / "k" / "sub" / "b").read_text() == "2"
    assert not source.exists()


def test_publish_never_mixes_with_what_is_there(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    with pytest.raises(OSError, match="not empty"):
        publish(tmp_path / "new", tmp_path / "old")
    assert names(tmp_path / "old") == ["old"]


def test_flush_tree_refuses_links_that_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        flush_tree(tmp_path)


def test_remove_tree(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("x")
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "d")
    remove_tree(tmp_path / "d")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    assert sorted(names(tmp_path)) == ["kept"]
    assert (tmp_path / "kept" / "x").exists()
    remove_tree(tmp_path / "kept" / "x")
    assert names(tmp_path / "kept") == []


def test_free_bytes_of_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0


def test_what_counts_as_a_full_disk() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    yes = [
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EDQUOT, "x"),
        OSError(errno.EFBIG, "x"),
        full,
        ValueError("An IO error occurred: 'No space left on device'"),
    ]
    no = [
        OSError(errno.ENOENT, "x"),
        ValueError("x"),
        sqlite3.OperationalError("no such table"),
        OSError(errno.EIO, "No space left on device?"),
    ]
    assert all(map(is_disk_full, yes))
    assert not any(map(is_disk_full, no))


def test_a_full_disk_of_sqlite_is_recognized(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("pragma max_page_count = 2")
    with pytest.raises(LimitError, match="no space left"), guard_disk("filling", tmp_path):
        connection.execute("create table t (x)")
        connection.execute("insert into t values (zeroblob(100000))")
    connection.close()


def test_guard_disk_lets_other_errors_pass() -> None:
    with pytest.raises(PermissionError), guard_disk("reading", "x"):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(LimitError, match="not allowed to write"), guard_disk("writing", "x", permission=True):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(ZeroDivisionError), guard_disk("dividing", "x", permission=True):
        raise ZeroDivisionError
