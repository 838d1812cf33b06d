"""A signal asks once and politely; the second ends the process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from whelm.core import stop


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    yield
    stop.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop.listening():
        stop.check()
        signal.raise_signal(number)
        assert stop.requested()
        assert stop.wait(1000)
        with pytest.raises(stop.Interrupted, match="saved") as caught:
            stop.check()
    assert "same command" in caught.value.hint
    assert signal.getsignal(number) is before


def test_loops_that_survive_everything_do_not_survive_this() -> None:
    stop.request()
    with pytest.raises(stop.Interrupted):
        try:
            stop.check()
        except Exception:
            pytest.fail("swallowed")


def test_the_second_signal_ends_the_process() -> None:
    code = """
import signal
from whelm.core import stop
with stop.listening():
    signal.raise_signal(signal.SIGTERM)
    print(stop.requested(), flush=True)
    signal.raise_signal(signal.SIGTERM)
    print("alive", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", -signal.SIGTERM)
