"""A small folder, and a run that was built from it without any weights: text search and quotations, made in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.small import SMALL_FOLDER, without_weights, write_small_folder


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from whelm.build.assistant import build_assistant
    from whelm.build.config import BuildConfig, RunOptions

    root = tmp_path_factory.mktemp("built")
    folder = write_small_folder(root / "documents")
    with without_weights():
        build_assistant(BuildConfig(budget_s=0), RunOptions(out=root / "run", folder=folder))
    return root


@pytest.fixture
def built(_built: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished run (`run/`) and of its folder (`documents/`), to be edited at will."""
    shutil.copytree(_built / "documents", tmp_path / "documents")
    shutil.copytree(_built / "run", tmp_path / "run")
    state = tmp_path / "run" / "state.json"
    state.write_text(state.read_text().replace(str(_built), str(tmp_path)))
    with without_weights():
        yield tmp_path


@pytest.fixture
def small_folder(tmp_path: Path) -> Iterator[Path]:
    """The folder alone, nothing built yet."""
    with without_weights():
        yield write_small_folder(tmp_path / "documents")


__all__ = ["SMALL_FOLDER"]
