"""One contract for every executor, and what only a pool of processes can get wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from whelm.core import executor as module
from whelm.core import stop
from whelm.core.errors import ConfigError, DataError, LimitError
from whelm.core.events import subscribe
from whelm.core.executor import Executor, InProcess, ProcessPool
from whelm.core.types import Event

WORK = """
import os, signal
from whelm.core.errors import DataError
from whelm.core.events import emit

class Odd(Exception):
    def __init__(self, a, b):
        super().__init__("odd")

def square(x): return x * x
def process(x): return os.getpid()
def threads(x): return os.environ["OMP_NUM_THREADS"]
def refuse_three(x):
    if x == 3:
        raise DataError("three is refused", "use four")
    return x
def fail(x): raise KeyError(f"no {x}")
def odd(x): raise Odd(1, 2)
def tell(x):
    emit("stage", "seen", x)
    return x
def die_at_five(x):
    if x == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return x
def leave(x): os._exit(7)
def noisy(x):
    print("noise")
    return x
def large(x): return b"x" * x
def first_waits(item):
    number, gate = item
    if number == 0:
        open(gate).read()  # a named pipe: returns when somebody has opened and closed it for writing
    return number
class Unreadable:
    def __reduce__(self): return (int, ("not a number",))
def unreadable(x): return lambda: x
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Functions in a module that a worker can import."""
    (tmp_path / "executor_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("executor_work", None)
    yield __import__("executor_work")
    sys.modules.pop("executor_work", None)


@pytest.fixture(params=[InProcess, lambda: ProcessPool(2)], ids=["in process", "pool"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with request.param() as made:
        yield made


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    with ProcessPool(2) as made:
        yield made


def test_results_in_order(executor: Executor, work: ModuleType) -> None:
    assert list(executor.map(work.square, range(50))) == [x * x for x in range(50)]
    assert list(executor.map(work.square, [])) == []
    assert list(executor.map(work.square, iter([3]))) == [9]


def test_items_are_taken_as_results_are(executor: Executor, work: ModuleType) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for x in range(10_000):
            taken.append(x)
            yield x

    results = executor.map(work.square, items())
    assert taken == []
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 3 + 2 * 4 + 1
    results.close()  # type: ignore[attr-defined]
    assert list(executor.map(work.square, range(4))) == [0, 1, 4, 9]


def test_an_error_comes_in_its_turn_with_its_hint(executor: Executor, work: ModuleType) -> None:
    results = executor.map(work.refuse_three, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="three is refused") as caught:
        next(results)
    assert caught.value.hint == "use four"
    assert list(executor.map(work.square, range(4))) == [0, 1, 4, 9]


def test_other_errors_keep_their_kind(executor: Executor, work: ModuleType) -> None:
    with pytest.raises(KeyError, match="no 1"):
        list(executor.map(work.fail, [1, 2]))


def test_events_reach_the_readers_here(executor: Executor, work: ModuleType) -> None:
    seen: list[Event] = []
    end = subscribe(seen.append)
    try:
        assert list(executor.map(work.tell, range(6))) == list(range(6))
    finally:
        end()
    assert sorted(event.value for event in seen) == list(range(6))


def test_a_requested_stop_ends_the_map_between_items(executor: Executor, work: ModuleType) -> None:
    results = executor.map(work.square, range(100))
    assert next(results) == 0
    stop.request()
    try:
        with pytest.raises(stop.Interrupted):
            list(results)
    finally:
        stop.clear()


def test_the_pool_spreads_keeps_and_ends_its_processes(work: ModuleType) -> None:
    with ProcessPool(2) as pool:
        first = set(pool.map(work.process, range(40)))
        again = set(pool.map(work.process, range(40)))
    assert os.getpid() not in first
    assert len(first) == 2
    assert again == first
    assert not any(Path(f"/proc/{pid}").exists() for pid in first)


def test_workers_share_the_processors(work: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whelm.core.executor.threads", lambda: 6)
    with ProcessPool(2) as pool:
        assert list(pool.map(work.threads, [0])) == ["3"]


@pytest.mark.parametrize(("name", "says"), [("die_at_five", "item 5: signal 9"), ("leave", "item 0: exit code 7")])
def test_a_dead_worker_is_a_clear_error(pool: ProcessPool, work: ModuleType, name: str, says: str) -> None:
    with pytest.raises(LimitError, match=says) as caught:
        list(pool.map(getattr(work, name), range(20)))
    assert "fewer workers" in caught.value.hint
    assert list(pool.map(work.square, range(4))) == [0, 1, 4, 9]


def test_a_worker_that_died_idle_is_replaced(pool: ProcessPool, work: ModuleType) -> None:
    for pid in set(pool.map(work.process, range(10))):
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert list(pool.map(work.square, range(4))) == [0, 1, 4, 9]


def test_errors_that_cannot_travel_are_told(pool: ProcessPool, work: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="Odd in a worker process"):
        list(pool.map(work.odd, [1]))
    with pytest.raises(Exception, match=r"lambda|local object") as caught:
        list(pool.map(work.unreadable, [1]))
    assert "in a worker process" in "".join(caught.value.__notes__)


def test_what_a_worker_prints_does_not_reach_stdout(
    pool: ProcessPool, work: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    assert list(pool.map(work.noisy, [1])) == [1]
    assert capfd.readouterr().out == ""


def test_large_results_pass(pool: ProcessPool, work: ModuleType) -> None:
    assert [len(part) for part in pool.map(work.large, [5_000_000, 1])] == [5_000_000, 1]


def test_the_pool_runs_ahead_of_a_slow_item_by_a_bounded_number(
    pool: ProcessPool, work: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    taken: list[int] = []

    def items() -> Iterator[tuple[int, str]]:
        for number in range(200):
            taken.append(number)
            yield number, str(gate)

    ahead: list[int] = []
    real = module.wait_readable

    def wait(ends: list[int], seconds: float | None = None) -> list[int]:
        if len(ends) == 1 and not ahead:  # the pool waits for the slow item alone: it will take no more
            ahead.append(len(taken))
            gate.write_text("")
        return real(ends, seconds)

    monkeypatch.setattr(module, "wait_readable", wait)
    assert list(pool.map(work.first_waits, items())) == list(range(200))
    assert ahead == [2 * 4]


def test_functions_of_the_main_program_are_refused(pool: ProcessPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x: int) -> int:
        return x

    monkeypatch.setattr(function, "__module__", "__main__")
    with pytest.raises(ConfigError, match="main program"):
        list(pool.map(function, [1]))
    with pytest.raises(ConfigError, match="at least 1"):
        ProcessPool(0)


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    # the parent is killed while its worker is busy for good: nobody closes anything
    source = "import os\ndef run(x):\n    os.write(x, b'%d\\n' % os.getpid())\n    while 1: 0\n"
    (tmp_path / "forever.py").write_text(source)
    reading, writing = os.pipe()
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import forever
from whelm.core import processes
real = processes.subprocess.Popen
def popen(*a, pass_fds=(), **k): return real(*a, pass_fds=(*pass_fds, {writing}), **k)
processes.subprocess.Popen = popen
from whelm.core.executor import ProcessPool
list(ProcessPool(1).map(forever.run, [{writing}]))
"""
    with subprocess.Popen([sys.executable, "-c", code], pass_fds=(writing,)) as parent:
        os.close(writing)
        assert os.read(reading, 100).strip().isdigit()
        parent.kill()
    assert os.read(reading, 1) == b""  # comes only when the worker, too, has closed its end: by its death
    os.close(reading)


def test_the_present_folder_is_no_place_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: ModuleType
) -> None:
    # the present folder may be the documents': a json.py there must not run in a child
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "json.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path / "cwd")
    with ProcessPool(1) as pool:
        assert list(pool.map(work.square, [2])) == [4]


def check_order_is_independent_of_workers(function: Callable[[int], int]) -> None:
    expected = [function(x) for x in range(30)]
    for workers in (1, 3):
        with ProcessPool(workers) as pool:
            assert list(pool.map(function, range(30))) == expected


def test_the_number_of_workers_changes_nothing(work: ModuleType) -> None:
    check_order_is_independent_of_workers(work.square)
