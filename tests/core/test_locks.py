"""One holder at a time, by process or by thread; the kernel frees the lock of the dead."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from whelm.core import locks, stop
from whelm.core.locks import LockedError, hold, holder

_HOLD = """
import sys
from whelm.core.locks import hold
with hold(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds tmp_path/lock until its input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "lock")], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_the_second_is_refused_and_told_by_whom(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    assert holder(tmp_path / "lock") == other.pid
    says = f"in use by process {other.pid}"
    with pytest.raises(LockedError, match=says) as caught, hold(tmp_path / "lock", wait=False):
        pass
    assert caught.value.hint


def test_a_killed_holder_holds_nothing(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert holder(tmp_path / "lock") is None
    with hold(tmp_path / "lock", wait=False):
        pass


def test_waiting_ends_when_the_holder_does(
    tmp_path: Path, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        other.kill()
        other.wait()
        return False

    monkeypatch.setattr(locks.stop, "wait", wait)
    with hold(tmp_path / "lock"):
        assert waits


def test_waiting_ends_when_a_stop_is_requested(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    stop.request()
    try:
        with pytest.raises(stop.Interrupted), hold(tmp_path / "lock"):
            pass
    finally:
        stop.clear()


def test_threads_exclude_each_other_even_while_the_file_goes(tmp_path: Path) -> None:
    inside, most, done = 0, 0, []

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with hold(tmp_path / "lock", remove=True):
                inside += 1
                most = max(most, inside)
                inside -= 1
        done.append(1)

    patience, locks._PATIENCE_S = locks._PATIENCE_S, 0.0
    try:
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        locks._PATIENCE_S = patience
    assert (most, len(done)) == (1, 4)
    assert not (tmp_path / "lock").exists()


def test_a_lock_file_that_was_replaced_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the holder removes the file between our opening it and our getting its lock
    real, calls = locks._leads_here, []

    def leads_here(path: Path, descriptor: int) -> bool:
        if not calls:
            path.unlink()
        calls.append(real(path, descriptor))
        return calls[-1]

    monkeypatch.setattr(locks, "_leads_here", leads_here)
    with hold(tmp_path / "lock"):
        assert calls == [False, True]
        assert holder(tmp_path / "lock") is not None
