"""Everything that a report is made from, read once: manifests, and the files of the stages that hold more than numbers.

A stage that is not there, or whose files are damaged, has its reason in `Material.missing` instead: after `whelm update`
the questions and their evaluation are gone on purpose, a build may have been interrupted, weights may not be found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.build.run import Run, RunState
from whelm.core.artifact import Artifact
from whelm.core.errors import WhelmError
from whelm.hub.weights import ENCODER, WeightStatus, status

__all__ = ["STAGES", "Material", "read_material"]

STAGES = (
    "documents", "index", "plan", "vectors", "questions", "retriever-prior", "retriever", "package-reader", "reader",
    "answers", "evaluation",
)  # fmt: skip
_PACKAGE = frozenset({"retriever-prior", "package-reader"})
_QUOTING = frozenset({"questions", "evaluation"})


@dataclass(frozen=True, slots=True)
class Material:
    """A run as its report sees it; what a missing stage would have left is empty."""

    path: Path
    state: RunState
    artifacts: Mapping[str, Artifact]
    missing: Mapping[str, str]
    """stage -> why it is not there"""
    weights: tuple[WeightStatus, ...]
    ledger: list[dict[str, Any]]
    plan: dict[str, Any]
    retriever: dict[str, Any]
    reader: dict[str, Any]
    """The record of the reader's teaching"""
    answers: dict[str, Any]
    cases: list[dict[str, Any]]

    @property
    def stages(self) -> list[str]:
        """All stages in the order of the recipe, there or missing."""
        return _stages_of(self.state)

    @property
    def language(self) -> str:
        """The language of most chunks, ISO 639-1."""
        counts = self.counts("index")
        found = {name.removeprefix("language "): n for name, n in counts.items() if name.startswith("language ")}
        return max(found, key=lambda name: (found[name], name)) if found else ""

    def counts(self, stage: str) -> dict[str, int]:
        return self.artifacts[stage].counts if stage in self.artifacts else {}

    def metrics(self, stage: str) -> dict[str, dict[str, Any]]:
        return dict(self.artifacts[stage].manifest["metrics"]) if stage in self.artifacts else {}

    def outdated(self, stage: str) -> list[str]:
        """Inputs of a stage that have changed, or were withdrawn, since it was made."""
        entries = self.artifacts[stage].manifest["inputs"].values() if stage in self.artifacts else ()
        changed = set()
        for entry in entries:
            now = self.artifacts.get(entry["stage"])
            # what lies in the user's cache may be cleared at any time: that changes nothing
            if (now is None and entry["stage"] not in _PACKAGE) or (now and now.content != entry["content"]):
                changed.add(str(entry["stage"]))
        return sorted(changed)


def read_material(run: Run) -> Material:
    """Read a run; never fails over a stage."""
    state, weights = run.state, tuple(status())
    artifacts: dict[str, Artifact] = {}
    missing: dict[str, str] = {}
    for stage in _stages_of(state):
        try:
            artifact = run.artifact(stage)
            damages = artifact.damages() if artifact else []
        except WhelmError as error:
            artifact, damages = None, [error.message]
        if artifact is not None and not damages:
            artifacts[stage] = artifact
        else:
            missing[stage] = f"its files are damaged: {damages[0]}" if damages else _why(stage, state, weights)

    def read(stage: str, name: str, parse: Callable[[str], Any], empty: Any) -> Any:
        if stage not in artifacts:
            return empty
        try:
            found = parse(artifacts[stage].file(name).read_text(encoding="utf-8", errors="surrogatepass"))
            if type(found) is not type(empty):
                raise ValueError(f"expected {type(empty).__name__}, found {type(found).__name__}")
        except (WhelmError, OSError, ValueError, RecursionError) as error:
            missing[stage] = f"{name} cannot be read: {getattr(error, 'message', error)}"
            del artifacts[stage]
            return empty
        return found

    teaching = "reader" if "reader" in artifacts else "package-reader"
    return Material(
        path=run.path, state=state, artifacts=artifacts, missing=missing, weights=weights,
        ledger=read("documents", "ledger.jsonl", _lines, []),
        plan=read("plan", "plan.json", json.loads, {}),
        retriever=read("retriever", "retriever.json", json.loads, {}),
        reader=_mapping(read(teaching, "reader.json", json.loads, {}).get("record")),
        answers=read("answers", "answers.json", json.loads, {}),
        cases=[case for case in read("evaluation", "cases.json", json.loads, []) if _is_case(case)],
    )  # fmt: skip


def _stages_of(state: RunState) -> list[str]:
    others = sorted({*(state.stages or {}), *(state.package or {})} - set(STAGES))
    return [*STAGES, *others]


def _why(stage: str, state: RunState, weights: tuple[WeightStatus, ...]) -> str:
    """Why a stage has nothing to show."""
    if stage in _QUOTING and state.edited_since_teaching:
        return ("removed by `whelm update`, because what it quoted may have been changed or deleted; "
                "the same `whelm build` makes it anew")  # fmt: skip
    if stage == "vectors" and (lost := next((w for w in weights if w.name == ENCODER and not w.found), None)):
        return f"the weights {lost.name} were not found; get them with {lost.hint}"
    if stage in _PACKAGE and stage in (state.package or {}):
        return "its files are not in the user's cache any more; the next `whelm build` makes them again"
    return "not made yet; the same `whelm build` continues"


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


def _is_case(value: Any) -> bool:
    """Whether a row of cases.json says what is shown of it; one of another version may not."""
    return (
        isinstance(value, dict)
        and {"question", "answer", "right"} <= value.keys()
        and {"id", "kind", "question", "document", "start", "end", "answerable"} <= value["question"].keys()
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
