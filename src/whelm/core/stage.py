"""Caching, resume and lineage by one mechanism: a stage is a function, its result a folder of files.

    key      = digest of (format, name, version, code fingerprint, canonical configuration, inputs' content digests)
    complete = objects/KEY/manifest.json is there: it appears by one rename, last

An output that comes out unchanged stops the rebuild of what follows, a changed rule is never skipped, and a
checkpoint is never resumed under another configuration. Of two processes that want one key, one builds, one waits.
Layout: objects/KEY published, work/KEY/{out,scratch} in the making, locks/KEY.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.core import artifact as artifacts
from whelm.core import events
from whelm.core.artifact import FORMAT, MANIFEST, Artifact, plain_metrics, read_artifact
from whelm.core.config import plain
from whelm.core.context import Context, Outcome
from whelm.core.device import measured_memory
from whelm.core.digest import canonical, digest
from whelm.core.errors import ArtifactError, ConfigError, CorruptError, WhelmError
from whelm.core.files import guard_disk, publish, remove_tree, write_atomic
from whelm.core.fingerprint import code_fingerprint
from whelm.core.locks import LockedError, hold

__all__ = ["Artifact", "Context", "Outcome", "Stage", "Store"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A pure function from input artifacts and a configuration to one artifact.

    run: writes files into `context.out`; may return an Outcome
    version: to be raised when something changes the result that no source shows (a new release of a parser)
    also: modules that decide the result and that no source names
    """

    name: str
    run: Callable[[Context], Outcome | None]
    version: int = 1
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        function = inspect.unwrap(self.run)
        if not inspect.isfunction(function) or function.__closure__:
            raise ConfigError(
                f"stage {self.name}: expected a plain function, found {function!r}",
                "what a closure, a partial or an object holds would be missing in the key",
            )


class Store:
    """Artifacts by their keys, in one folder; makes no file until something is built."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._objects, self._work, self._locks = (self.root / name for name in ("objects", "work", "locks"))

    def identity(
        self, stage: Stage, config: Any = None, inputs: Mapping[str, Artifact] | None = None
    ) -> dict[str, Any]:
        """All that decides what the stage makes; its digest is the key."""
        return {
            "format": FORMAT,
            "stage": stage.name,
            "version": stage.version,
            "code": code_fingerprint(stage.run, stage.also),
            "config": canonical(config, "config"),
            "inputs": {name: source.content for name, source in sorted((inputs or {}).items())},
        }

    def key(self, stage: Stage, config: Any = None, inputs: Mapping[str, Artifact] | None = None) -> str:
        """The key of what the stage would make."""
        return digest(self.identity(stage, config, inputs))

    def get(self, key: str) -> Artifact | None:
        """The artifact of that key; raises CorruptError or IncompatibleError where its manifest is no use."""
        return read_artifact(self._objects / key)

    def keys(self) -> list[str]:
        """The keys of all that is published, readable or not."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in self._objects.iterdir())
        return []

    def artifacts(self) -> Iterator[Artifact]:
        """All readable artifacts, oldest first."""
        found = []
        for key in self.keys():
            with contextlib.suppress(ArtifactError):
                if artifact := self.get(key):
                    found.append(artifact)
        return iter(sorted(found, key=lambda a: (a.manifest["finished"], a.key)))

    def build(
        self,
        stage: Stage,
        config: Any = None,
        inputs: Mapping[str, Artifact] | None = None,
        options: Any = None,
    ) -> Artifact:
        """The stage's artifact: as it is there, or made now, continuing what an earlier attempt has saved."""
        inputs = dict(inputs or {})
        identity = self.identity(stage, config, inputs)
        key = digest(identity)
        if ready := self._usable(stage, key):
            return ready
        with hold(self._locks / key):
            if ready := self._usable(stage, key):  # made while we waited
                return ready
            if (self._objects / key).exists():  # damaged: the same key means the same content, so it is made anew
                self._discard(self._objects / key)
            work = self._work / key
            out, scratch, spent = work / "out", work / "scratch", work / "spent.json"
            try:
                with guard_disk(f"building {stage.name} in", work, permission=True):
                    remove_tree(out)
                    out.mkdir(parents=True)
                    scratch.mkdir(exist_ok=True)
                context = Context(stage.name, key, config, inputs, options, out, scratch)
                self._make(stage, context, identity, spent)
                publish(out, self._objects / key)
            except BaseException:
                remove_tree(out)  # it will be made anew, and the disk may be full; scratch stays
                raise
            remove_tree(work)
        made = self.get(key)
        if made is None:
            raise CorruptError(f"{self._objects / key}: published a moment ago, is not there", "build again")
        return made

    def why(self, stage: Stage, config: Any = None, inputs: Mapping[str, Artifact] | None = None) -> list[str]:
        """What differs from the newest artifact of that stage, empty where the wanted one is there."""
        now = self.identity(stage, config, inputs)
        if self._usable(stage, digest(now), tell=False):
            return []
        if (self._objects / digest(now)).exists():
            return ["damaged"]
        newest = next((a for a in reversed(list(self.artifacts())) if a.kind == stage.name), None)
        if newest is None:
            return ["never built"]
        then, reasons = newest.manifest["identity"], []
        if then["version"] != now["version"]:
            reasons.append(f"version {then['version']} -> {now['version']}")
        reasons += [f"code of {name}" for name in _differing(then["code"], now["code"])]
        reasons += [f"input {name}" for name in _differing(then["inputs"], now["inputs"])]
        reasons += _config_differences(newest.config, plain(config), "config")
        return reasons or ["config"]  # spelled alike in plain JSON, yet of another type

    def verify(self, artifact: Artifact) -> list[str]:
        """Every damage of an artifact, empty where all is well; reads all its files."""
        return artifacts.verify(artifact)

    def lineage(self, artifact: Artifact, others: Sequence[Store] = ()) -> dict[str, Any]:
        """What an artifact was made from, all the way down; `others` are stores that inputs may lie in."""
        sources: dict[str, Any] = {}
        for name, entry in artifact.manifest["inputs"].items():
            source = next((a for store in (self, *others) if (a := store.get(entry["key"]))), None)
            sources[name] = self.lineage(source, others) if source else {**entry, "missing": True, "inputs": {}}
        return {"stage": artifact.kind, "key": artifact.key, "content": artifact.content, "inputs": sources}

    def prune(self, keep: Iterable[str]) -> list[str]:
        """Remove every artifact but these, and all scratch but that of these where they are not yet made.

        Nothing of an ancestor is kept on behalf of a descendant: a deleted document must be gone. What another process
        is building stays. Returns the keys of the artifacts that were removed.
        """
        kept, removed = set(keep), []
        for key in self.keys():
            if key not in kept and self._remove(self._objects / key):
                removed.append(key)
        for path in sorted(self._work.iterdir()) if self._work.is_dir() else []:
            if path.name not in kept or (self._objects / path.name).exists():
                self._remove(path)
        return removed

    def _usable(self, stage: Stage, key: str, tell: bool = True) -> Artifact | None:
        try:
            artifact = self.get(key)
            damages = artifact.damages() if artifact else []
        except CorruptError as error:
            artifact, damages = None, [error.message]
        if damages and tell:
            events.emit(stage.name, "damaged", "; ".join(damages[:5]))
        return None if damages else artifact

    def _make(self, stage: Stage, context: Context, identity: dict[str, Any], spent: Path) -> None:
        """Run the stage and write the manifest, last."""
        began, before = time.monotonic(), _read_seconds(spent)
        try:
            with measured_memory() as memory, guard_disk(f"running {stage.name} in", context.out):
                outcome = stage.run(context) or Outcome()
        except BaseException:
            with contextlib.suppress(OSError, WhelmError):
                write_atomic(spent, json.dumps(before + time.monotonic() - began))
            raise
        with guard_disk(f"finishing {stage.name} in", context.out):
            files = artifacts.describe_files(context.out)
            body = {
                "kind": stage.name,
                "format": FORMAT,
                "key": context.key,
                "identity": identity,
                "inputs": {n: {"key": a.key, "content": a.content, "stage": a.kind} for n, a in context.inputs.items()},
                "config": plain(context.config),
                "files": files,
                "content": outcome.content or digest({name: entry["sha256"] for name, entry in files.items()}),
                "content_of": "rows" if outcome.content else "files",
                "counts": dict(outcome.counts),
                "metrics": plain_metrics(outcome.metrics),
                "seconds": round(before + time.monotonic() - began, 3),
                "peak_memory_bytes": memory.peak_bytes,
                "finished": time.time(),
                "versions": _versions(),
            }
            try:
                manifest = json.loads(json.dumps(body, allow_nan=False))  # sealed as it will be read
            except (TypeError, ValueError) as error:
                raise ArtifactError(
                    f"stage {stage.name}: counts and metrics must be finite numbers: {error}",
                    "leave out a metric that could not be measured",
                ) from error
            manifest["seal"] = artifacts.seal(manifest)
            write_atomic(context.out / MANIFEST, json.dumps(manifest, indent=1))

    def _remove(self, path: Path) -> bool:
        """Remove what lies under a key unless another process holds the key's lock; whether it was removed."""
        try:
            with hold(self._locks / path.name, wait=False, remove=True):
                self._discard(path)
        except LockedError:
            return False
        return True

    def _discard(self, path: Path) -> None:
        # renamed first: an artifact that is half removed must not look whole
        gone = self._work / f"gone-{secrets.token_hex(8)}"
        with guard_disk("removing", path, permission=True):
            gone.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.rename(gone)
            remove_tree(gone)


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]


def _config_differences(then: Any, now: Any, path: str) -> list[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        names = sorted(then.keys() | now.keys())
        return [line for n in names for line in _config_differences(then.get(n), now.get(n), f"{path}.{n}")]
    return [] if then == now else [f"{path}: {then!r} -> {now!r}"]


def _read_seconds(path: Path) -> float:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return float(json.loads(path.read_text()))
    return 0.0


# not imported by name: the version would be part of every stage's code, and so of every key
_PACKAGE = __name__.partition(".")[0]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "whelm": sys.modules[_PACKAGE].__version__}
    for name in ("torch", "numpy"):
        if name in sys.modules:  # only what took part
            found[name] = str(getattr(sys.modules[name], "__version__", ""))
    return found
