"""What the machine has, measured once and bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from whelm.core import device
from whelm.core.device import cache_dir, matrix_dtype, measured_memory, peak_memory_bytes, threads


def test_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("WHELM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_dir() == Path("/x/whelm")
    monkeypatch.setenv("HOME", "/home/me")
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_dir() == Path("/home/me/.cache/whelm")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path("/home/me/.cache/whelm")


def test_threads_are_those_that_we_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_text

    def quota(text: str) -> Any:
        return lambda self, *a: text if str(self) == "/sys/fs/cgroup/cpu.max" else real(self, *a)

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    for text, expected in {"max 100000": 8, "150000 100000": 2, "10000 100000": 1, "900000 100000": 8, "": 8}.items():
        monkeypatch.setattr(Path, "read_text", quota(text))
        assert threads() == expected


def test_the_peak_of_a_block_is_its_own() -> None:
    with measured_memory() as outer:
        with measured_memory() as large:
            block = bytearray(60 << 20)
            block[::4096] = b"x" * len(block[::4096])
        del block
        with measured_memory() as small:
            pass
    assert large.peak_bytes >= small.peak_bytes + (50 << 20)
    assert outer.peak_bytes >= large.peak_bytes
    assert peak_memory_bytes() >= outer.peak_bytes


def test_children_count() -> None:
    alone = device._peak_now()
    code = "x = bytearray(b'x') * (40 << 20); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert device._peak_now() >= alone + (40 << 20)
        child.communicate(b"\n")


def times(monkeypatch: pytest.MonkeyPatch, half_per_full: list[float]) -> list[int]:
    """Fake timings: ratio of bfloat16 to float32 at each size; returns the sizes that were timed."""
    import torch

    sizes: list[int] = []

    def seconds(left: Any, right: Any, repeats: int = 5, give_up_s: float = 0) -> float:
        if left.dtype == torch.float32:
            sizes.append(left.shape[0])
            return 1.0
        return half_per_full[len(sizes) - 1]

    monkeypatch.setattr(device, "_seconds", seconds)
    return sizes


@pytest.mark.parametrize(
    ("ratios", "chosen", "measured"),
    [
        ([50.0], "float32", 1),
        ([1.0, 9.0], "float32", 2),
        ([1.0, 0.5, 0.2], "bfloat16", 3),
        ([1.0, 1.0, 0.9], "float32", 3),
        ([0.1, 0.1, 1.5], "float32", 3),
    ],
)
def test_the_measurement_stops_at_the_first_clear_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratios: list[float], chosen: str, measured: int
) -> None:
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path / "cache"))
    sizes = times(monkeypatch, ratios)
    assert matrix_dtype() == chosen
    assert len(sizes) == measured


def test_it_is_measured_once_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path / "cache"))
    sizes = times(monkeypatch, [50.0] * 3)
    assert matrix_dtype() == matrix_dtype() == "float32"
    assert len(sizes) == 1
    monkeypatch.setattr(device, "_machine", lambda: "another")
    matrix_dtype()
    assert len(sizes) == 2
    for damaged in ("no json", "[]", '{"another": "int8"}'):
        (tmp_path / "cache" / "matrix_dtype.json").write_text(damaged)
        sizes.clear()
        assert matrix_dtype() == "float32"
        assert json.loads((tmp_path / "cache" / "matrix_dtype.json").read_text())["another"] == "float32"


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path / "file" / "cache"))
    times(monkeypatch, [50.0])
    assert matrix_dtype() == "float32"


def test_a_real_measurement_is_brief(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path))
    assert matrix_dtype() in ("float32", "bfloat16")


def test_slow_products_are_given_up() -> None:
    calls = []

    class Slow:
        def __matmul__(self, other: Any) -> None:
            calls.append(1)

    device._seconds(Slow(), Slow(), give_up_s=-1.0)
    assert len(calls) == 1
