"""What the machine has: cores, memory peaks, a place for caches, and the number format in which it multiplies fastest.

`matrix_dtype` is measured once a machine and kept in the cache folder: a processor with AMX or AVX512-BF16 multiplies
bfloat16 up to 8 times as fast as float32, one without is 50 times slower, so the measurement begins tiny and stops at
the first clear answer (5 ms to 0.5 s). Peaks are the sums of each process's own high-water mark: an upper estimate.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from whelm.core.digest import digest
from whelm.core.errors import WhelmError
from whelm.core.files import write_atomic

__all__ = ["PeakMemory", "cache_dir", "matrix_dtype", "measured_memory", "peak_memory_bytes", "threads"]

MatrixType = Literal["float32", "bfloat16"]

_CLEARLY = 1.2  # bfloat16 costs accuracy: it must be that much faster
_SIZES = ((32, 384, 384), (256, 384, 1536), (2048, 384, 1536))  # the last: 32 passages of 64 tokens in MiniLM


def cache_dir() -> Path:
    """Where things that depend on the machine or the package alone are kept: WHELM_CACHE, else the user's cache."""
    if own := os.environ.get("WHELM_CACHE"):
        return Path(own).absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "whelm"  # relative ones are to be ignored


def threads() -> int:
    """How many processors this process may use, by its affinity and its control group's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, -(-int(quota) // int(period)))
    return max(1, count)


def matrix_dtype(device: str = "cpu") -> MatrixType:
    """The faster of float32 and bfloat16 for the matrix products of an encoder on this machine."""
    if device != "cpu":
        import torch

        return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported(False) else "float32"
    where = cache_dir() / "matrix_dtype.json"
    machine = _machine()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known = json.loads(where.read_text()).get(machine)
        if known in ("float32", "bfloat16"):
            return known
    chosen = _measure_dtype()
    with contextlib.suppress(OSError, WhelmError):  # a cache that cannot be written costs time, nothing else
        where.parent.mkdir(parents=True, exist_ok=True)
        known = {}
        with contextlib.suppress(OSError, ValueError):
            known = dict(json.loads(where.read_text()))
        write_atomic(where, json.dumps({**known, machine: chosen}))
    return chosen


def peak_memory_bytes() -> int:
    """The most memory that this process and its living children have held, each at its own peak."""
    _note_peak()
    return _whole_life.peak_bytes


@dataclass(slots=True)
class PeakMemory:
    """What `measured_memory` found."""

    peak_bytes: int = 0


@contextlib.contextmanager
def measured_memory() -> Iterator[PeakMemory]:
    """The peak of a block of work alone; `peak_memory_bytes` still knows what was before."""
    _note_peak()
    for process in _family():
        with contextlib.suppress(OSError):
            Path(f"/proc/{process}/clear_refs").write_text("5")  # resets the high-water mark (Linux, proc(5))
    meter = PeakMemory()
    _meters.append(meter)
    try:
        yield meter
    finally:
        _note_peak()
        _meters[:] = [m for m in _meters if m is not meter]  # by identity: equal meters are not the same


_whole_life = PeakMemory()
_meters = [_whole_life]


def _note_peak() -> None:
    peak = _peak_now()
    for meter in _meters:
        meter.peak_bytes = max(meter.peak_bytes, peak)


def _peak_now() -> int:
    return sum(_status_bytes(process) for process in _family())


def _family() -> list[int]:
    """This process and all that descend from it."""
    found = [os.getpid()]
    for process in found:  # grows while it is read
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                found.extend(int(child) for child in children.read_text().split())
    return found


def _status_bytes(process: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _machine() -> str:
    import torch

    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line for line in lines if line.startswith("model name")), model)
        model += digest(sorted(next((line for line in lines if line.startswith("flags")), "").split()))[:16]
    return digest([model, torch.__version__, threads()])


def _measure_dtype() -> MatrixType:
    import torch

    with torch.inference_mode():
        for rows, inner, columns in _SIZES:
            left, right = torch.ones(rows, inner), torch.ones(inner, columns)
            full = _seconds(left, right)
            half = _seconds(left.bfloat16(), right.bfloat16(), give_up_s=20 * full)
            if half > 3 * full:
                return "float32"  # 50 times slower without the instructions: larger sizes would only take longer
        return "bfloat16" if half * _CLEARLY < full else "float32"


def _seconds(left: Any, right: Any, repeats: int = 5, give_up_s: float = float("inf")) -> float:
    """The best time of a product, after one run to warm up."""
    best = float("inf")
    for attempt in range(repeats + 1):
        began = time.perf_counter()
        left @ right
        took = time.perf_counter() - began
        if attempt or took > give_up_s:
            best = min(best, took)
        if took > give_up_s:
            break
    return best
