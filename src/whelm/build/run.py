"""A run's folder: what is published in it, who is building in it, and how it is opened, listed, verified and removed.

    RUN/state.json          which artifact of each stage is the current one: replaced by one rename, so a reader sees
                            the state before or after a stage, never between
    RUN/store/              the artifacts (see `whelm.core.stage`)
    RUN/documents.parquet   the documents of the current state
    RUN/report.html, .json  what was measured
    RUN/events.jsonl        what happened, and when
    RUN/lock                the process that builds

What depends on the package alone lies in the user's cache, under the same kind of keys (`package_store`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import whelm
from whelm.core.artifact import Artifact
from whelm.core.device import cache_dir
from whelm.core.errors import ArtifactError, CorruptError, DataError, IncompatibleError, LimitError, MissingError
from whelm.core.files import guard_disk, remove_tree, write_atomic
from whelm.core.stage import Store
from whelm.core.types import Document

if TYPE_CHECKING:
    from whelm.answer.answerer import Answerer

__all__ = ["Run", "RunState", "list_runs", "open_run", "package_store", "remove_run", "verify_run"]

FORMAT = 1
_STATE = "state.json"
_STATE_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """What is current: stage -> key, and what a reader of the run must know."""

    folder: str = ""
    """The folder of documents, absolute; empty for the documents of Python"""
    config: dict[str, Any] | None = None
    """The settings, in plain form"""
    stages: dict[str, str] | None = None
    """stage -> key in RUN/store"""
    package: dict[str, str] | None = None
    """stage -> key in the user's cache"""
    taught_on: str = ""
    """Content digest of the documents that the reader was taught on"""
    documents: str = ""
    """Content digest of the current documents"""

    @property
    def edited_since_teaching(self) -> bool:
        return bool(self.taught_on) and self.taught_on != self.documents


class Run:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(path / "store")

    @property
    def state(self) -> RunState:
        """The published state, read anew."""
        return _read_state(self.path / _STATE)

    def publish(self, **changes: Any) -> RunState:
        """Replace parts of the state."""
        state = replace(self.state if (self.path / _STATE).exists() else RunState(), **changes)
        body = {
            "format": FORMAT,
            "whelm": whelm.__version__,
            **{name: getattr(state, name) for name in RunState.__slots__},
        }
        with guard_disk("publishing the state of", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path / _STATE, json.dumps(body, indent=1))
        return state

    def artifact(self, stage: str) -> Artifact | None:
        """The current artifact of a stage, from the run or from the user's cache."""
        state = self.state
        if key := (state.stages or {}).get(stage):
            return self.store.get(key)
        if key := (state.package or {}).get(stage):
            return package_store().get(key)
        return None

    def need(self, stage: str) -> Artifact:
        """The current artifact of a stage, or an error that says how to make it."""
        artifact = self.artifact(stage)
        if artifact is None:
            raise MissingError(f"the run {self.path} has no {stage} yet", "run `whelm build` until it is done")
        return artifact

    def document(self, name: str) -> Document:
        """A document of the current state, its source as an absolute path."""
        from whelm.retrieve.index import FolderIndex

        with FolderIndex.open(self.need("index").path) as index:
            return index.document(name)

    def answerer(self) -> Answerer:
        """The assistant on the published state; files of that state never change under it."""
        from whelm.build.config import config_from
        from whelm.build.opening import open_answerer
        from whelm.build.stages.answers import load_settings

        self.need("index")
        state = self.state
        config = config_from(state.config or {})
        names = (*(state.stages or {}), *(state.package or {}))
        paths = {name: artifact.path for name in names if (artifact := self.artifact(name)) is not None}
        settings = load_settings(paths.get("answers"), config.answers.candidates)
        return open_answerer(paths, settings, config.writer, name=self.path.resolve().name)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who builds here; the second is refused with the first's process id."""
        with guard_disk("opening the run", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise LimitError(
                    f"another build is at work in {self.path}: process {holder}",
                    "wait until it is done, or stop it; `whelm ask` works meanwhile on what is published",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)  # the kernel frees the lock, also after kill -9


def package_store() -> Store:
    """What depends on the package alone: made once a machine, used by every run."""
    return Store(cache_dir() / "store")


def open_run(path: Path | str) -> Run:
    """A run that has something published."""
    run = Run(Path(path))
    if not (run.path / _STATE).is_file():
        known = ", ".join(str(other.path) for other in list_runs(run.path.parent)[:5])
        raise MissingError(
            f"there is no run at {run.path}",
            f"runs beside it: {known}" if known else "make one: whelm build FOLDER --out " + str(run.path),
        )
    _ = run.state  # a damaged state is told now
    return run


def list_runs(root: Path | str) -> list[Run]:
    """The runs directly under a folder, by name."""
    root = Path(root)
    if not root.is_dir():
        return []
    return [Run(path) for path in sorted(root.iterdir()) if (path / _STATE).is_file()]


def remove_run(path: Path | str) -> None:
    """Remove a run; refuses a folder that is none, and one in which a build is at work."""
    run = Run(Path(path))
    if not (run.path / _STATE).is_file():
        raise MissingError(f"{run.path} is not a run: it has no {_STATE}", "nothing was removed")
    with run.lock():
        strangers = [p.name for p in run.path.iterdir() if p.name not in _OURS and not p.name.startswith(".")]
        if strangers:
            raise DataError(
                f"{run.path} holds files that are not the run's: {', '.join(sorted(strangers)[:5])}",
                "move them, then try again",
            )
        (run.path / _STATE).unlink()  # from here on it is no run any more
        remove_tree(run.path)
    shutil.rmtree(run.path, ignore_errors=True)


_OURS = frozenset({_STATE, "store", "documents.parquet", "report.html", "report.json", "events.jsonl", "lock"})


def verify_run(path: Path | str) -> list[str]:
    """Every damage of a run's published artifacts, empty where all is well; reads all files."""
    try:
        run = open_run(path)
        state = run.state
    except CorruptError as error:
        return [error.message]
    damages = []
    for where, store, keys in (("", run.store, state.stages), ("cache/", package_store(), state.package)):
        for stage, key in sorted((keys or {}).items()):
            try:
                artifact = store.get(key)
                found = store.verify(artifact) if artifact else ["is missing"]
            except ArtifactError as error:
                found = [error.message]
            damages += [f"{where}{stage} {key[:12]}: {damage}" for damage in found]
    return damages


def _read_state(path: Path) -> RunState:
    hint = "run the same `whelm build` again: it publishes the state anew"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise MissingError(
            f"there is no run at {path.parent}", "make one: whelm build FOLDER --out " + str(path.parent)
        ) from None
    try:
        body = json.loads(text) if len(text) <= _STATE_BYTES else None
    except ValueError as error:
        raise CorruptError(f"{path}: expected JSON, found something else: {error}", hint) from error
    if not isinstance(body, dict):
        raise CorruptError(f"{path}: expected the state of a run, found something else", hint)
    if body.get("format") != FORMAT:
        raise IncompatibleError(
            f"{path}: expected format {FORMAT}, found {body.get('format')!r} (written by whelm {body.get('whelm')})",
            "use that version of whelm, or build into a new folder",
        )
    expected = {"folder": str, "config": (dict, type(None)), "stages": (dict, type(None)), "package": (dict, type(None)),
                "taught_on": str, "documents": str}  # fmt: skip
    for name, kind in expected.items():
        if not isinstance(body.get(name), kind):  # type: ignore[arg-type]
            raise CorruptError(f"{path}: {name} has the wrong type", hint)
    return RunState(**{name: body[name] for name in expected})
