"""A whole build on a real file system of a few megabytes: the error is told, what was there stays, and it goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from whelm.build.assistant import build_assistant
from whelm.build.config import BuildConfig, RunOptions
from whelm.build.run import open_run
from whelm.core.errors import LimitError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True, timeout=20)


def test_a_build_on_a_full_disk_is_told_and_continues_once_there_is_room(small_folder: Path, small_disk: Path) -> None:
    run_at, ballast = small_disk / "run", small_disk / "ballast"
    build_assistant(BuildConfig(budget_s=0), RunOptions(out=run_at, folder=small_folder))
    before = open_run(run_at).state
    (small_folder / "new.md").write_text(
        "# Parking\n\n" + "The parking garage closes at eleven in the evening.\n" * 400
    )
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(free - 40_000))  # all but a little
    with pytest.raises(LimitError, match="no space left"):
        build_assistant(BuildConfig(budget_s=0), RunOptions(out=run_at, folder=small_folder))
    assert open_run(run_at).state.stages == before.stages  # what was published answers on
    assert "14 days" in open_run(run_at).answerer().answer("How long are backups kept?").answer
    ballast.unlink()
    build_assistant(BuildConfig(budget_s=0), RunOptions(out=run_at, folder=small_folder))
    assert "eleven" in open_run(run_at).answerer().answer("When does the parking garage close?").answer
