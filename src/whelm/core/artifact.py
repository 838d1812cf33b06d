"""An artifact: a folder of plain files and the manifest that describes them, written last.

    content digest = digest of (relative path, sha256) of all files, or what the stage states of its sorted rows
    seal           = digest of the manifest without its seal, so that damage to the manifest itself is seen

Reading never trusts: an unreadable or broken manifest is a CorruptError, one of another format an IncompatibleError.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.core.digest import digest, file_digest
from whelm.core.errors import ArtifactError, CorruptError, IncompatibleError, MissingError
from whelm.core.types import Metric

__all__ = ["FORMAT", "MANIFEST", "Artifact", "describe_files", "read_artifact", "seal", "verify"]

FORMAT = 1
MANIFEST = "manifest.json"
_MANIFEST_BYTES = 64 << 20  # a manifest of 200,000 files; more is no manifest of ours


@dataclass(frozen=True, slots=True)
class Artifact:
    """A published folder of files, found by its key."""

    path: Path
    key: str
    manifest: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The name of the stage that made it."""
        return str(self.manifest["kind"])

    @property
    def content(self) -> str:
        """The content digest: what a stage that reads this artifact has in its key."""
        return str(self.manifest["content"])

    @property
    def config(self) -> Any:
        """The resolved configuration, in its plain JSON form."""
        return self.manifest["config"]

    @property
    def counts(self) -> dict[str, int]:
        """Named numbers of things: documents, chunks, files left out."""
        return dict(self.manifest["counts"])

    @property
    def metrics(self) -> dict[str, Metric]:
        """Named measurements with their intervals."""
        return {name: Metric(**body) for name, body in self.manifest["metrics"].items()}

    @property
    def seconds(self) -> float:
        """Wall clock of the work, attempts before an interruption included."""
        return float(self.manifest["seconds"])

    def file(self, name: str) -> Path:
        """The path of one of its files, which is there and has its size."""
        entry = self.manifest["files"].get(name)
        if entry is None:
            known = ", ".join(list(self.manifest["files"])[:8]) or "no files"
            raise MissingError(f"{self.path}: expected {name}, found {known}", "build again with this version of whelm")
        if damage := _size_damage(self.path / name, name, entry["size"]):
            raise CorruptError(f"{self.path}: {damage}", "run `whelm verify` on the run, then build again")
        return self.path / name

    def damages(self) -> list[str]:
        """What can be seen at once, without reading: files that are not there or have another size."""
        entries = self.manifest["files"].items()
        return [damage for name, entry in entries if (damage := _size_damage(self.path / name, name, entry["size"]))]


def read_artifact(path: Path) -> Artifact | None:
    """The artifact in a folder, None where there is no manifest."""
    where = path / MANIFEST
    try:
        with where.open("rb") as file:
            text = file.read(_MANIFEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CorruptError(f"{where}: cannot be read: {error.strerror}", _REPAIR) from error
    try:
        manifest = json.loads(text) if len(text) <= _MANIFEST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{where}: expected JSON, found {len(text):,} other bytes: {error}", _REPAIR) from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise CorruptError(f"{where}: expected a manifest, found something else", _REPAIR)
    if manifest["format"] != FORMAT:
        raise IncompatibleError(
            f"{where}: expected format {FORMAT}, found {manifest['format']!r}"
            f" (written by whelm {_text(manifest, 'versions', 'whelm')})",
            "use that version of whelm, or build into a new folder",
        )
    if manifest.get("seal") != seal(manifest):
        raise CorruptError(f"{where}: its seal does not fit what it says", _REPAIR)
    if manifest["key"] != path.name:
        raise CorruptError(f"{where}: expected key {path.name}, found {manifest['key']}", _REPAIR)
    return Artifact(path, path.name, manifest)


def seal(manifest: Mapping[str, Any]) -> str:
    """The digest of all that a manifest says but its seal."""
    return digest({name: value for name, value in manifest.items() if name != "seal"})


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Relative path -> sha256 and size of every file below a folder, the manifest left out."""
    files: dict[str, dict[str, Any]] = {}
    for at, folders, names in os.walk(folder):
        for name in (*names, *folders):
            path = Path(at, name)
            if path.is_symlink():
                raise ArtifactError(
                    f"{path}: expected a plain file, found a link", "an artifact holds its own files: copy the file"
                )
        for name in names:
            path = Path(at, name)
            relative = path.relative_to(folder).as_posix()
            if relative != MANIFEST:
                files[relative] = {"sha256": file_digest(path), "size": path.stat().st_size}
    return dict(sorted(files.items()))


def verify(artifact: Artifact) -> list[str]:
    """Every way in which the files differ from the manifest, empty where all is well; reads all files."""
    try:
        now = read_artifact(artifact.path)
    except ArtifactError as error:
        return [error.message]
    if now is None:
        return [f"{MANIFEST} is missing"]
    try:
        found = describe_files(artifact.path)
    except (ArtifactError, OSError) as error:
        return [str(error)]
    damages = []
    expected: Mapping[str, Any] = now.manifest["files"]
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            damages.append(f"{name} is missing")
        elif name not in expected:
            damages.append(f"{name} is not in the manifest")
        elif damage := _size_damage(artifact.path / name, name, expected[name]["size"]):
            damages.append(damage)
        elif found[name] != expected[name]:
            damages.append(f"{name} has other content than the manifest says")
    if now.manifest["content"] != artifact.content:
        damages.append(f"{MANIFEST} states another content than when it was opened")
    return damages


_REPAIR = "run the build again: it makes this artifact anew"


def _size_damage(path: Path, name: str, size: int) -> str:
    try:
        now = path.stat().st_size
    except OSError as error:
        return f"{name} is missing" if isinstance(error, FileNotFoundError) else f"{name}: {error.strerror}"
    return "" if now == size else f"{name} has {now:,} bytes, the manifest says {size:,}"


def _text(manifest: Mapping[str, Any], *path: str) -> str:
    value: Any = manifest
    for name in path:
        value = value.get(name, "") if isinstance(value, Mapping) else ""
    return str(value)[:40] or "of an unknown version"


def plain_metrics(metrics: Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    """Metrics in their JSON form."""
    return {name: dataclasses.asdict(metric) for name, metric in metrics.items()}
