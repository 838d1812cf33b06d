"""Fixtures that every test may use, and the ground rules that make the suite deterministic and parallel-safe.

One thread a process (two workers share two cores), fixed seeds, no model hub, a cache of the user's kind that lies in
a temporary folder of its own for each worker. Sockets other than loopback are blocked by pytest-socket, as
pyproject.toml says.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

# before torch or tokenizers are imported by anyone: they read these once
for _name, _value in {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
}.items():
    os.environ.setdefault(_name, _value)

import hypothesis  # noqa: E402
import pytest  # noqa: E402

if TYPE_CHECKING:
    from whelm.hub.weights import WeightFiles

REPOSITORY = Path(__file__).resolve().parent.parent

# a slow machine is no failure, and the same examples on every run make a red test repeatable
hypothesis.settings.register_profile("whelm", deadline=None, derandomize=True)
hypothesis.settings.load_profile("whelm")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data sets: WHELM_SHARED, or `shared` beside the repository."""
    path = Path(os.environ.get("WHELM_SHARED") or REPOSITORY.parent / "shared")
    if not (path / "data").is_dir():
        pytest.skip(f"needs the shared data sets, and {path} has no folder 'data' (WHELM_SHARED names another place)")
    return path


@pytest.fixture(scope="session")
def weights() -> Mapping[str, WeightFiles]:
    """The files of all named weights, by name; skips where one of them is not on this machine."""
    names = pytest.importorskip("whelm.hub.weights", reason="whelm.hub.weights cannot be imported")
    found = {name: names.find_weights(name) for name in names.NAMED}
    missing = sorted(name for name, files in found.items() if files is None)
    if missing:
        pytest.skip(f"needs weights that are not on this machine: {', '.join(missing)} (scripts/install brings them)")
    return found


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # whoever sets WHELM_CACHE wants to keep what is costly to make, e.g. between two slow tests
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("WHELM_CACHE"):
            patch.setenv("WHELM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    # only what is loaded already: a test of the command line must not pay for torch
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(0)
