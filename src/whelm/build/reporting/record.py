"""The public record of a run, schema `whelm.report/1`: one object a stage, the verdict, and what stands behind both.

    stages[name] = {metrics: {name: {value, low, high, n, unit}}, counts, seconds, peak_memory_bytes, disk_bytes, inputs,
                    config, predicted, outdated, skipped}

`predicted` is what the planner said; `outdated` names inputs that have changed since the stage was made; `skipped` says
why a stage has nothing to show, and is None where it has.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from whelm.build.config import BuildConfig
from whelm.build.reporting.cases import examples, weakest
from whelm.build.reporting.material import Material
from whelm.build.reporting.verdict import verdict
from whelm.core.config import plain

__all__ = ["SCHEMA", "command_of", "flat", "record_of"]

SCHEMA = "whelm.report/1"


def record_of(material: Material) -> dict[str, Any]:
    """Everything that stands in report.json."""
    state = material.state
    record = {
        "schema": SCHEMA,
        "run": str(material.path),
        "folder": state.folder,
        "python_library": _python_library(material),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "language": material.language,
        "edited_since_teaching": state.edited_since_teaching,
        "verdict": verdict(material),
        "stages": {name: _stage(material, name) for name in material.stages},
        "weights": _weights(material),
        "versions": _versions(material),
        "config": _without_secrets(state.config or {}),
        "command": command_of(material),
        "examples": examples(material),
        "weakest": weakest(material),
    }
    return {name: _finite(value) for name, value in record.items()}


def command_of(material: Material) -> str:
    """The command that makes the run again: every setting that is not the default."""
    config, defaults = material.state.config or {}, plain(BuildConfig())
    library = _python_library(material)
    words = ["whelm", "demo" if library else "build", *([] if library else [material.state.folder or "FOLDER"])]
    words += ["--out", str(material.path)]
    for path, value in flat(_without_secrets(config)).items():
        if value == flat(defaults).get(path) or path == "sources.python_library":
            continue
        if path == "budget_s":
            words += ["--budget", f"{value:g}s"]
        elif path == "seed":
            words += ["--seed", str(value)]
        elif path == "sources.ignore":
            words += [word for pattern in value for word in ("--ignore", str(pattern))]
        elif path in _WRITER:
            words += [_WRITER[path], str(value)]
        else:
            words += ["--set", f"{path}={_setting(value)}"]
    return shlex.join(words)


_WRITER = {"writer.url": "--writer", "writer.model": "--writer-model", "writer.key_env": "--writer-key-env"}


def _stage(material: Material, name: str) -> dict[str, Any]:
    artifact = material.artifacts.get(name)
    predicted = _predicted(material, name)
    if artifact is None:
        return {
            "metrics": {}, "counts": {}, "seconds": None, "peak_memory_bytes": None, "disk_bytes": None, "inputs": {},
            "config": None, "predicted": predicted, "outdated": [], "skipped": material.missing[name],
        }  # fmt: skip
    manifest = artifact.manifest
    return {
        "metrics": dict(manifest["metrics"]),
        "counts": artifact.counts,
        "seconds": artifact.seconds,
        "peak_memory_bytes": manifest.get("peak_memory_bytes"),
        "disk_bytes": sum(int(entry["size"]) for entry in manifest["files"].values()),
        "inputs": {key: {"stage": e["stage"], "content": e["content"]} for key, e in manifest["inputs"].items()},
        "config": _without_secrets(artifact.config),
        "predicted": predicted,
        "outdated": material.outdated(name),
        "reused": _reused(material, name),
        "skipped": None,
    }


def _predicted(material: Material, name: str) -> dict[str, Any] | None:
    found = material.plan.get("predictions")
    guess = found.get(name) if isinstance(found, dict) else None
    return guess if isinstance(guess, dict) else None


def _reused(material: Material, name: str) -> bool:
    """Whether a stage of the user's cache was there before this run began: its seconds are not this run's."""
    if name not in (material.state.package or {}) or "documents" not in material.artifacts:
        return False
    return float(material.artifacts[name].manifest["finished"]) < float(
        material.artifacts["documents"].manifest["finished"]
    )


def _weights(material: Material) -> list[dict[str, Any]]:
    """Named weights, and whether this run used them: by their digests in the stages' settings."""
    used = " ".join(str(artifact.config) for name, artifact in material.artifacts.items() if name != "documents")
    return [
        {
            "name": w.name, "summary": w.summary, "digest": w.sha256, "size": w.size, "licence": w.license,
            "source": w.where, "used": w.sha256 in used, "hint": w.hint, "problems": list(w.problems),
        }
        for w in material.weights
    ]  # fmt: skip


def _versions(material: Material) -> dict[str, str]:
    """The versions that took part, the newest artifact's where they differ."""
    found: dict[str, str] = {}
    for artifact in sorted(material.artifacts.values(), key=lambda a: float(a.manifest["finished"])):
        found |= {str(k): str(v) for k, v in artifact.manifest["versions"].items()}
    return dict(sorted(found.items()))


def _python_library(material: Material) -> bool:
    sources = (material.state.config or {}).get("sources")
    return isinstance(sources, dict) and bool(sources.get("python_library"))


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, entry in value.items():
        if isinstance(entry, Mapping):
            out |= flat(entry, f"{path}{name}.")
        else:
            out[f"{path}{name}"] = list(entry) if isinstance(entry, tuple) else entry
    return out


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _finite(value: Any) -> Any:
    """The same with None for what is no number: JSON has no NaN."""
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_USER = re.compile(r"(?<=//)[^/@\s]+@")


def _without_secrets(value: Any) -> Any:
    """Settings as they may be shown: names and passwords inside a URL are left out."""
    if isinstance(value, Mapping):
        return {str(name): _without_secrets(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(entry) for entry in value]
    return _USER.sub("", value) if isinstance(value, str) else value
