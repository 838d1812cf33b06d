"""scripts/install says what is missing, and does nothing where nothing is. No test here downloads anything."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the script reads of a clone, and a folder of programs that holds nothing but what a bare machine has."""
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    for name in ("scripts/install", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, root / name)
    for name in ("bash", "env", "cat", "cut", "dirname", "grep", "sha256sum", "uname", "mv", "rm"):
        where = shutil.which(name)
        assert where is not None
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(where)
    return root


def install(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "scripts" / "install"), *arguments], capture_output=True, text=True, timeout=60, cwd="/",
        env={"PATH": str(clone.parent / "bin"), "HOME": str(clone.parent), **environment},
    )  # fmt: skip


def test_without_git(clone: Path) -> None:
    done = install(clone)
    assert done.returncode == 1 and "error: git was not found\nhint: apt install git" in done.stderr


def test_without_a_python(clone: Path) -> None:
    put(clone.parent / "bin" / "git", "#!/bin/sh\n")
    done = install(clone)
    assert done.returncode == 1 and "found: no python3" in done.stderr and "apt install python3" in done.stderr


def test_with_an_old_python(clone: Path) -> None:
    put(clone.parent / "bin" / "git", "#!/bin/sh\n")
    put(clone.parent / "bin" / "python3", '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
    done = install(clone)
    assert done.returncode == 1 and "found: Python 3.9.2" in done.stderr and "WHELM_PYTHON" in done.stderr
    assert not (clone / ".venv").exists()


def test_without_the_venv_module(clone: Path) -> None:
    put(clone.parent / "bin" / "git", "#!/bin/sh\n")
    stub = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *version_info\\[:2\\]*) echo 3.12;; esac\n'
    put(clone.parent / "bin" / "python3", stub)
    done = install(clone)
    assert done.returncode == 1 and "has no module venv" in done.stderr and "python3.12-venv" in done.stderr


def test_an_extra_that_is_none(clone: Path) -> None:
    done = install(clone, "test; rm -rf /")
    assert done.returncode == 1 and "is not the name of an extra" in done.stderr


@pytest.mark.parametrize(
    ("installed", "asked", "changed", "quick"),
    [
        ("test check", [], False, True),
        ("test check", ["test"], False, True),
        ("test", ["check"], False, False),
        ("", ["test"], False, False),
        ("test", ["test"], True, False),
    ],
)
def test_a_second_call_does_nothing(clone: Path, installed: str, asked: list[str], changed: bool, quick: bool) -> None:
    for name in ("python", "whelm"):
        put(clone / ".venv" / "bin" / name, "#!/bin/sh\n")
    digest = hashlib.sha256()
    for name in ("constraints.txt", "pyproject.toml", "scripts/install"):
        digest.update((clone / name).read_bytes())
    digest.update(os.fsencode(clone.resolve()))
    (clone / ".venv" / ".whelm-installed").write_text(f"{digest.hexdigest()}\n{installed}\n")
    if changed:
        with (clone / "constraints.txt").open("a") as file:
            file.write("another==1.0\n")
    done = install(clone, *asked)
    # there is no git here: a call that gets as far as looking for it has not returned early
    assert (done.returncode == 0 and done.stderr == "") is quick, done.stderr
