"""What this machine and installation are: the record behind `whelm env`, to be pasted into a report of a problem."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import asdict
from typing import Any

import whelm
from whelm.core.device import cache_dir, matrix_dtype, threads
from whelm.hub.weights import status

__all__ = ["environment"]

_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors", "tantivy", "pyarrow", "fastapi", "lxml", "pypdfium2")


def environment() -> dict[str, Any]:
    """Versions, processor, memory, disk, and which weights are found where."""
    cache = cache_dir()
    near = next((path for path in (cache, *cache.parents) if path.exists()), cache)
    return {
        "schema": "whelm.environment/1",
        "whelm": whelm.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": threads(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "matrix_dtype": matrix_dtype(),
        "cache": str(cache),
        "cache_free_bytes": shutil.disk_usage(near).free,
        "packages": {name: _version(name) for name in _PACKAGES},
        "weights": [asdict(row) for row in status()],
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
