"""What a scan finds: order, links, ignored and strange names; nothing out of the folder, nothing silently lost."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from whelm.core.errors import DataError
from whelm.data.sources import SourceFile, document_id, format_of, scan_folder


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}")


def found(folder: Path, *ignore: str) -> dict[str, SourceFile]:
    files = list(scan_folder(folder, ignore))
    assert [file.path for file in files] == sorted({file.path for file in files})
    return {file.path: file for file in files}


def to_read(folder: Path, *ignore: str) -> list[str]:
    return [path for path, file in found(folder, *ignore).items() if not file.outcome]


def test_formats_by_extension() -> None:
    assert format_of("a.MD") == ("md", False)
    assert format_of("dir.x/B.Html.GZ") == ("html", True)
    assert format_of("a.tar.gz") == ("", True)
    assert format_of("README") == ("", False)
    assert format_of(".md") == ("", False)


def test_recursive_sorted_and_complete(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "a/z.txt", "a/b/c.rst", "a.b.html", "picture.png", "noext")
    assert to_read(tmp_path) == ["a.b.html", "a/b/c.rst", "a/z.txt", "b.md"]
    files = found(tmp_path)
    assert files["picture.png"].outcome == "unsupported" and ".png" in files["picture.png"].reason
    assert files["noext"].outcome == "unsupported"
    assert files["b.md"].size == len("text of b.md") and files["b.md"].mtime_ns > 0
    assert files["b.md"].absolute == tmp_path.resolve() / "b.md"


def test_junk_hidden_and_patterns(tmp_path: Path) -> None:
    write(tmp_path, ".git/config.txt", "node_modules/x/README.md", "a/__pycache__/b.py", ".hidden.md", "env/lib/a.py",
          "env/pyvenv.cfg", "keep.md", "drafts/a.md", "drafts/final.md", "x.log.txt", "deep/x.log.txt")  # fmt: skip
    (tmp_path / ".whelmignore").write_text("# comment\ndrafts/*\n!drafts/final.md\n")
    assert to_read(tmp_path, "*.log.txt") == ["drafts/final.md", "keep.md"]
    files = found(tmp_path, "*.log.txt")
    for path in (".git/", "node_modules/", "a/__pycache__/", ".hidden.md", "env/", "drafts/a.md", "deep/x.log.txt"):
        assert files[path].outcome == "ignored", path
        assert files[path].reason
    assert ".whelmignore" not in files
    with pytest.raises(DataError, match="pattern"):
        list(scan_folder(tmp_path, ["!"]))


def test_links_never_leave_the_folder_and_never_loop(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(root, "a.md", "sub/b.md", ".store/data.md")
    write(outside, "secret.md", "folder/secret.md")
    (root / "out.md").symlink_to(outside / "secret.md")
    (root / "outdir").symlink_to(outside)
    (root / "self.md").symlink_to(root / "self.md")
    (root / "ping.md").symlink_to(root / "pong.md")
    (root / "pong.md").symlink_to(root / "ping.md")
    (root / "sub" / "up").symlink_to(root)
    (root / "sub" / "here").symlink_to(".")
    (root / "again.md").symlink_to("a.md")
    (root / "again").symlink_to("sub")
    (root / "dangling.md").symlink_to("nowhere.md")
    (root / "current.md").symlink_to(".store/data.md")
    assert to_read(root) == ["a.md", "current.md", "sub/b.md"]
    files = found(root)
    assert files["out.md"].outcome == files["outdir"].outcome == "link"
    assert "out of the folder" in files["out.md"].reason
    assert files["again.md"].reason == "the same file as a.md"
    assert "leads back" in files["sub/up"].reason and "leads back" in files["sub/here"].reason
    assert files["again"].outcome == files["sub/up"].outcome == files["sub/here"].outcome == "link"
    for path in ("self.md", "ping.md", "pong.md", "dangling.md"):
        assert files[path].outcome == "unreadable", path
    assert not any("secret" in path for path in files)


def test_many_links_to_folders_do_not_multiply(tmp_path: Path) -> None:
    hidden = tmp_path / ".real"
    write(hidden, "a.md")
    for number in range(12):
        (hidden / f"l{number}").symlink_to(hidden)
        (tmp_path / f"l{number}").symlink_to(hidden)
    assert to_read(tmp_path) == ["l0/a.md"]


def test_a_link_into_what_is_ignored_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, "private/a.md", "b.md")
    (tmp_path / "shown.md").symlink_to("private/a.md")
    (tmp_path / "shown").symlink_to("private")
    assert to_read(tmp_path, "private/") == ["b.md"]


def test_strange_names_become_safe_and_stay_unique(tmp_path: Path) -> None:
    names = [
        b"new\nline.md",
        b"new\\nline.md",
        "bidi\u202egpj.md".encode(),
        b"bad\xff.md",
        b"esc\x1b[31m.md",
        "späße 中.md".encode(),
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    paths = to_read(tmp_path)
    assert len(paths) == len(names)
    assert set(paths) == {
        "new\\nline.md",
        "new\\\\nline.md",
        "bidi\\u202egpj.md",
        "bad\\xff.md",
        "esc\\x1b[31m.md",
        "späße 中.md",
    }
    for path in paths:
        assert path.encode() and path.isprintable()
    assert all(file.absolute.read_text() == "x" for file in scan_folder(tmp_path))


def test_document_id_keeps_plain_paths() -> None:
    assert document_id("a/b c/ü-_.md") == "a/b c/ü-_.md"
    assert document_id("a\udcffb") == "a\\xffb"


def test_pipes_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.md")
        files = found(tmp_path)
    assert files["pipe.txt"].outcome == files["socket.md"].outcome == "unreadable"
    assert "regular file" in files["pipe.txt"].reason


def test_one_file_instead_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    assert [file.path for file in scan_folder(tmp_path / "a.md")] == ["a.md"]


def test_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing readable") as caught:
        list(scan_folder(tmp_path / "missing"))
    assert caught.value.hint
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError):
        list(scan_folder(tmp_path / "loop"))
    assert list(scan_folder(tmp_path / "..", ["*"]))  # a path with .. is resolved first


def test_empty_folder_is_empty(tmp_path: Path) -> None:
    assert list(scan_folder(tmp_path)) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_locked_folder_is_in_the_ledger(tmp_path: Path) -> None:
    write(tmp_path, "locked/a.md", "b.md")
    (tmp_path / "locked").chmod(0)
    try:
        files = found(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert files["locked/"].outcome == "unreadable" and not files["b.md"].outcome


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "copy.md")
    (tmp_path / "copy.md").write_bytes((tmp_path / "a.md").read_bytes())
    files = found(tmp_path)
    assert files["a.md"].digest() == files["copy.md"].digest() != ""
