"""Hostile input may loop, eat, crash or lie; the caller gets a bounded answer in bounded time."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whelm.core import sandbox
from whelm.core.errors import ConfigError, DataError, LimitError, ModelError
from whelm.core.sandbox import Limits, Sandbox, SandboxError, run_limited

HOSTILE = '''
import ctypes, os, pickle, signal, sys, time, resource
from whelm.core.errors import ModelError

kept = []

def echo(*values): return list(values)
def process(): return os.getpid()
def spin():
    while True: pass
def nap(): time.sleep(1000)
def eat():
    while True: kept.append(bytearray(1 << 20))
def take(size):
    kept.append(bytearray(size))
    return len(kept)
def crash(): ctypes.string_at(0)
def kill_self(number): os.kill(os.getpid(), number)
def leave(): os._exit(3)
def large(size): return "x" * size
def refuse(): raise ModelError("refused", "a hint")
def fail(): raise ValueError("x" * 100_000)
def deep():
    def down(n): return down(n + 1)
    return down(0)
def leave_politely(): sys.exit(0)
def modules(): return sorted(sys.modules)
def environment(): return dict(os.environ)
def write(path):
    with open(path, "w") as file:
        file.write("x" * 100)
def not_json(): return {1, 2}
def nan(): return float("nan")
def nested(depth):
    value = []
    for _ in range(depth): value = [value]
    return value
def noise():
    print("noise"); sys.stderr.write("noise"); os.write(1, b"noise"); os.write(2, b"noise")
    return 1
def limits(): return [resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0]]
def count():
    kept.append(0)
    return len(kept)
def die_when_used():
    if kept:
        ctypes.string_at(0)
    return "fresh"
def raw(data):
    """What a document that took the child over might send, with the child's own timers off."""
    for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF): signal.setitimer(timer, 0)
    for name in range(3, 20):
        try:
            os.write(name, bytes(data))
        except OSError:
            continue
    time.sleep(30)
def words(): return list({"a", "b", "c", "d", "e"})
def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return "alive"
'''

Calls = Callable[..., Any]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module of functions that children can import."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.py").write_text(HOSTILE)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def box(hostile: None) -> Iterator[Sandbox]:
    with Sandbox(memory_bytes=128 << 20, seconds=5, output_bytes=1 << 20) as made:
        yield made


BRIEF = Limits(memory_bytes=128 << 20, seconds=0.05, output_bytes=1 << 20)


def test_json_goes_in_and_comes_out(box: Sandbox) -> None:
    values = [1, 2.5, None, True, "grün\ud800\n", {"a": [1, {"b": []}]}]
    assert box.run("hostile:echo", *values) == values


def test_one_child_serves_many_calls(box: Sandbox) -> None:
    first = box.run("hostile:process")
    assert first != os.getpid()
    assert {box.run("hostile:process") for _ in range(20)} == {first}


@pytest.mark.parametrize(
    ("call", "reason", "says"),
    [
        (("spin",), "time", "took more than the 0.05 s"),
        (("eat",), "memory", "more than the 134 MB"),
        (("take", 1 << 40), "memory", "more than the 134 MB"),
        (("crash",), "crash", "SIGSEGV"),
        (("kill_self", 6), "crash", "SIGABRT"),
        (("kill_self", 9), "memory", "more than"),  # nobody but the system, short of memory, does that
        (("leave",), "crash", "exit code 3"),
        (("large", 2 << 20), "output", "more than the 1.0 MB"),
    ],
)
def test_limits_and_crashes(box: Sandbox, call: tuple[Any, ...], reason: str, says: str) -> None:
    limits = BRIEF if call[0] == "spin" else None
    with pytest.raises(SandboxError, match=says) as caught:
        box.run(f"hostile:{call[0]}", *call[1:], limits=limits)
    assert caught.value.reason == reason
    assert isinstance(caught.value, LimitError)
    assert caught.value.hint
    assert box.run("hostile:echo", 1) == [1]


def test_a_call_that_waits_is_ended_too(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.Limits, "wall_seconds", property(lambda self: 0.05))
    with pytest.raises(SandboxError, match="took more") as caught:
        box.run("hostile:nap")
    assert caught.value.reason == "time"


def test_the_limits_are_those_of_each_call(box: Sandbox) -> None:
    assert box.run("hostile:take", 60 << 20) >= 1
    with pytest.raises(SandboxError):
        box.run("hostile:take", 60 << 20, limits=Limits(memory_bytes=32 << 20))
    assert box.run("hostile:large", 2 << 20, limits=Limits(output_bytes=4 << 20)) == "x" * (2 << 20)


def test_errors_of_the_function(box: Sandbox) -> None:
    with pytest.raises(ModelError, match="refused") as caught:
        box.run("hostile:refuse")
    assert caught.value.hint == "a hint"
    with pytest.raises(DataError, match=r"^ValueError: xxx") as other:
        box.run("hostile:fail")
    assert len(other.value.message) < 3000
    for name in ("deep", "not_json", "nan", "leave_politely"):
        with pytest.raises(DataError):
            box.run(f"hostile:{name}")
    with pytest.raises(ConfigError, match="cannot be imported"):
        box.run("hostile:none")
    with pytest.raises(ConfigError, match="cannot be imported"):
        box.run("no_such_module:none")


def test_a_child_spoilt_by_an_earlier_call_decides_nothing(hostile: None) -> None:
    with Sandbox(memory_bytes=64 << 20) as box:
        box.run("hostile:count")
        assert box.run("hostile:die_when_used") == "fresh"
        assert box.run("hostile:take", 40 << 20) == 1  # each alone fits, both together would not
        assert box.run("hostile:take", 40 << 20) in (1, 2)


def test_nothing_is_written_and_nothing_dumped(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="File too large"):
        box.run("hostile:write", str(tmp_path / "x"))
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with Sandbox() as fresh:
            assert fresh.run("hostile:limits") == [0, 0]
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_the_child_sees_neither_secrets_nor_torch(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    with Sandbox() as fresh:
        assert "SOME_API_KEY" not in fresh.run("hostile:environment")
        assert not {"torch", "multiprocessing", "asyncio"} & set(fresh.run("hostile:modules"))


def test_parsers_give_the_same_text_in_every_child(hostile: None) -> None:
    found = []
    for _ in range(3):
        with Sandbox() as fresh:
            found.append(tuple(fresh.run("hostile:words")))
    assert len(set(found)) == 1


def test_its_noise_is_not_heard(box: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    assert box.run("hostile:noise") == 1
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_is_the_parents(box: Sandbox) -> None:
    assert box.run("hostile:interrupted") == "alive"


def frame(body: bytes, size: int | None = None) -> list[int]:
    return list((len(body) if size is None else size).to_bytes(8, "big") + body)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(b"", 1 << 60), "output"),  # announces more than fits anywhere
        (frame(b"xx", 10), "time"),  # never ends
        (frame(b"no json"), "crash"),
        (frame(b"[" * 60_000), "crash"),
        (frame(b'{"kind": "fine", "value": NaN}'), "crash"),
        (frame(b'{"kind": "odd", "value": 1}'), "crash"),
        (frame(b'{"kind": "fine"}'), "crash"),
        (frame(b"[1]"), "crash"),
        (frame(b'{"kind": "raised", "value": 7}'), "crash"),
        (frame(b"\x80\x04cos\nsystem\n"), "crash"),  # a pickle
        (frame(b'{"kind": "fine", "value": ' + b"1" * 5000 + b"}"), "crash"),
    ],
)
def test_a_child_that_was_taken_over_can_only_send_bytes(
    hostile: None, data: list[int], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "time":
        monkeypatch.setattr(sandbox.Limits, "wall_seconds", property(lambda self: 0.5))
    with Sandbox(output_bytes=1 << 20) as box:
        began = time.monotonic()
        with pytest.raises(SandboxError) as caught:
            box.run("hostile:raw", data)
        assert caught.value.reason == reason
        assert time.monotonic() - began < 25
        monkeypatch.undo()
        assert box.run("hostile:echo", 1) == [1]


@pytest.mark.parametrize("name", ["__class__", "during", "annotations", "SystemExit", ""])
def test_errors_named_by_a_child_are_whelms_or_data_errors(hostile: None, name: str) -> None:
    body = json.dumps({"kind": "raised", "value": [name, "m", "h"]}).encode()
    with Sandbox() as box, pytest.raises(DataError, match=f"^{name}: m$"):
        box.run("hostile:raw", frame(body))


@pytest.mark.parametrize("workers", [1, 3])
def test_map_keeps_order_and_survives_bad_items(hostile: None, workers: int) -> None:
    calls = [("fine", 0), ("fine", 1), ("bad",), *(("fine", i) for i in range(3, 30))]
    with Sandbox(workers=workers) as box:
        results = list(box.map("hostile:echo", [c[1:] for c in calls]))
        assert results == [[0], [1], [], *([i] for i in range(3, 30))]
        results = list(box.map("hostile:take", [(10,), ("not a size",), (10,)]))
    assert [isinstance(result, DataError) for result in results] == [False, True, False]


def test_map_takes_calls_as_results_are_taken(hostile: None) -> None:
    taken = []

    def calls() -> Iterator[tuple[int]]:
        for i in range(1000):
            taken.append(i)
            yield (i,)

    with Sandbox(workers=2) as box:
        results = box.map("hostile:echo", calls())
        assert next(results) == [0]
        assert len(taken) <= 9
        results.close()  # type: ignore[attr-defined]


def test_run_limited_keeps_its_children(hostile: None) -> None:
    first = run_limited("hostile:process", [], memory_bytes=64 << 20, seconds=5, output_bytes=1000)
    assert run_limited("hostile:process", []) == first
    with pytest.raises(SandboxError, match=r"0.0 MB"):
        run_limited("hostile:large", [2000], output_bytes=1000)
    assert sandbox._shared is not None
    sandbox._shared.close()
    sandbox._shared = None


def test_a_closed_sandbox_leaves_no_child(hostile: None) -> None:
    box = Sandbox()
    child = box.run("hostile:process")
    box.close()
    assert not Path(f"/proc/{child}").exists()


def test_the_reason_survives_a_process_border() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(SandboxError("m", "h", "memory")))
    assert (error.message, error.hint, error.reason) == ("m", "h", "memory")
