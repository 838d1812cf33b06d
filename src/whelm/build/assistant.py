"""The recipe `assistant`: from a folder of documents to measured, cited answers.

    sources -> documents -> index -> plan -> vectors -> questions -> retriever -> reader -> answers -> evaluation -> report

Each stage is published as soon as it is made, the index first: `ask` works on the last published state while the
rest is still being built. What an interrupted build has made is not made again. `update` renews documents, index and
vectors after edits, keeps what was taught and chosen, and removes everything else that may hold deleted text.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.build.config import BuildConfig, RunOptions, WriterConfig, config_from
from whelm.build.plan import PLAN, PlanConfig, PlanOptions, planned, predict
from whelm.build.report import write_report
from whelm.build.run import Run, open_run, package_store
from whelm.build.stages.answers import ANSWERS, AnswersConfig
from whelm.build.stages.documents import DOCUMENTS, DocumentsConfig, DocumentsOptions, Snapshot, read_ledger
from whelm.build.stages.evaluation import EVALUATION, EvaluationConfig
from whelm.build.stages.index import INDEX, IndexConfig, IndexOptions
from whelm.build.stages.questions import QUESTIONS, QuestionsConfig
from whelm.build.stages.reader import PACKAGE_READER, READER, PackageReaderConfig
from whelm.build.stages.retriever import PRIOR, RETRIEVER, PriorConfig, RetrieverConfig
from whelm.build.stages.vectors import VECTORS, VectorsConfig, VectorsOptions
from whelm.core import events, stop
from whelm.core.artifact import Artifact
from whelm.core.config import plain
from whelm.core.digest import digest
from whelm.core.errors import DataError, WhelmError
from whelm.core.files import guard_disk
from whelm.core.stage import Stage
from whelm.data.sources import SourceFile, scan_folder
from whelm.hub.weights import ENCODER, STATIC, find_weights

__all__ = ["PlannedStage", "build_assistant", "plan", "update"]

_STAGES = (
    "documents", "index", "plan", "vectors", "questions", "retriever-prior", "retriever", "package-reader", "reader", "answers",
    "evaluation",
)  # fmt: skip
_PACKAGE_STAGES = frozenset({"retriever-prior", "package-reader"})  # made once a machine


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One line of `--dry-run`: is the stage done, why not, and what it is predicted to take."""

    stage: str
    done: bool
    why: tuple[str, ...]
    seconds: float
    memory_bytes: int
    disk_bytes: int


def build_assistant(config: BuildConfig, options: RunOptions) -> Run:
    """Make or continue the run `options.out` from the documents in `options.folder`."""
    run = Run(Path(options.out))
    with run.lock(), events.EventLog(run.path / "events.jsonl"):
        recipe = _Recipe(run, config, options.folder)
        recipe.to_index()
        check_writer(config.writer)
        recipe.to_report()
        run.store.prune((run.state.stages or {}).values())
    return run


def update(path: Path | str) -> Run:
    """Renew documents, index and vectors of a run after edits; what was taught and chosen stays, and is marked so."""
    run = open_run(path)
    with run.lock(), events.EventLog(run.path / "events.jsonl"):
        state = run.state
        config = config_from(state.config or {})
        recipe = _Recipe(run, config, Path(state.folder) if state.folder else None)
        before = state.documents
        recipe.to_index()
        recipe.vectors()
        if run.state.documents != before:
            # questions, cases and examples quote documents: with one of them gone or changed, so are they
            stages = {
                name: key for name, key in (run.state.stages or {}).items() if name not in ("questions", "evaluation")
            }
            run.publish(stages=stages)
        write_report(run)
        run.store.prune((run.state.stages or {}).values())
    return run


def plan(config: BuildConfig, options: RunOptions) -> list[PlannedStage]:
    """What a build would do, without doing it."""
    run = Run(Path(options.out))
    recipe = _Recipe(run, config, options.folder)
    return recipe.plan()


class _Recipe:
    """The stages of one build, each asked for its inputs' artifacts."""

    def __init__(self, run: Run, config: BuildConfig, folder: Path | None) -> None:
        if folder is None and not config.sources.python_library:
            raise DataError("expected a folder of documents, found none", "whelm build FOLDER --out RUN")
        self.run, self.config, self.folder = run, config, folder
        self.made: dict[str, Artifact] = {}
        self._previous: dict[str, Path] = {}

    # --- documents and index -----------------------------------------------------------------------------------

    def to_index(self) -> None:
        """Everything that `ask` needs to work at all."""
        snapshot = take_snapshot(self.config, self.folder, self.run.path)
        self._previous = previous = {
            name: artifact.path for name in ("documents", "index", "vectors") if (artifact := self._current(name))
        }
        self.run.publish(folder=str(self.folder.resolve()) if self.folder else "", config=plain(self.config))
        documents = self._make(
            DOCUMENTS,
            DocumentsConfig(snapshot=snapshot.digest, python_library=self.config.sources.python_library),
            options=DocumentsOptions(snapshot.files, self.folder, previous.get("documents")),
            publish=False,
        )
        if not documents.counts.get("documents"):
            raise DataError(f"nothing readable in {self.folder}: {_ledger_summary(documents.path)}", _READABLE)
        reusable = previous.get("index") if self._same_layout() else None
        self._make(INDEX, self._index_config(), {"documents": documents}, IndexOptions(reusable), publish=False)
        # both at once: an index must never be shown beside documents of another state
        self._publish("documents", "index", documents=documents.content)
        _link(documents.file("documents.parquet"), self.run.path / "documents.parquet")

    def vectors(self) -> Artifact | None:
        weights = find_weights(ENCODER) if self._language() == "en" else None  # it reads English alone
        if weights is None:
            self._withdraw("vectors")
            return None
        numbers = planned(self.plan_artifact())
        return self._make(
            VECTORS,
            VectorsConfig(embedder=ENCODER, weights=weights.sha256, limit=numbers.vector_texts),
            {"index": self.made["index"]},
            VectorsOptions([self._previous["vectors"]] if "vectors" in self._previous else []),
        )

    def plan_artifact(self) -> Artifact:
        if "plan" not in self.made:
            current = self._current("plan")
            wanted = PlanConfig(budget_s=self.config.budget_s, language=self._language())
            # a plan stays: what a budget buys is decided once, so that resumed and undisturbed runs do the same
            if current is not None and current.config == plain(wanted):
                self.made["plan"] = current
            else:
                self._make(PLAN, wanted, {}, PlanOptions(self.made["index"].counts, self.made["documents"].counts))
        return self.made["plan"]

    # --- choosing, teaching, measuring -------------------------------------------------------------------------

    def to_report(self) -> None:
        """The rest of the recipe."""
        self.vectors()
        self._make(QUESTIONS, QuestionsConfig(questions=self.config.questions), {"documents": self.made["documents"]})
        prior = self._package(PRIOR, PriorConfig(embedders=_embedders()))
        self._make(
            RETRIEVER,
            RetrieverConfig(embedders=_embedders(), language=self._language()),
            {**self._inputs("index", "vectors", "questions"), "prior": prior},
        )
        self.reader()
        searching = self._inputs("index", "vectors", "questions", "retriever", "reader", "documents")
        self._make(ANSWERS, AnswersConfig(answers=self.config.answers, writer=self.config.writer), searching)
        self._make(
            EVALUATION,
            EvaluationConfig(answers=self.config.answers, writer=self.config.writer),
            {**searching, "answers": self.made["answers"]},
        )
        self.run.publish(taught_on=self.made["documents"].content)
        write_report(self.run)

    def reader(self) -> None:
        numbers = planned(self.plan_artifact())
        package = self._package(
            PACKAGE_READER,
            PackageReaderConfig(embedders=_embedders(), steps=numbers.package_steps, seed=self.config.seed),
        )
        self._make(
            READER,
            None,
            {**self._inputs("index", "vectors", "questions", "retriever", "documents"), "package": package},
        )

    # --- planning ----------------------------------------------------------------------------------------------

    def plan(self) -> list[PlannedStage]:
        snapshot = take_snapshot(self.config, self.folder, self.run.path)
        config = DocumentsConfig(snapshot=snapshot.digest, python_library=self.config.sources.python_library)
        num_bytes = sum(file.size for file, _ in snapshot.files if not file.outcome) or 2_100_000
        predictions = predict(num_bytes, len(snapshot.files), self.config.budget_s)
        lines: list[PlannedStage] = []
        reasons = list(self.run.store.why(DOCUMENTS, config))
        for stage in _STAGES:
            if stage == "vectors" and (find_weights(ENCODER) is None or self._other_language()):
                lines.append(PlannedStage(stage, True, ("skipped: no weights that read this language",), 0.0, 0, 0))
                continue
            missing = stage != "documents" and self._current(stage) is None
            if missing and stage not in _PACKAGE_STAGES:
                reasons = reasons or ["never built"]
            # what depends on the package alone waits for no document
            own = (["never built"] if missing else []) if stage in _PACKAGE_STAGES else reasons
            guess = predictions[stage]
            seconds = guess.seconds if own else 0.0
            lines.append(PlannedStage(stage, not own, tuple(own), seconds, guess.memory_bytes, guess.disk_bytes))
            if stage == "documents" and reasons:
                reasons = ["input documents"]
        return lines

    # --- inside ------------------------------------------------------------------------------------------------

    def _make(
        self,
        stage: Stage,
        config: Any,
        inputs: Mapping[str, Artifact] | None = None,
        options: Any = None,
        publish: bool = True,
    ) -> Artifact:
        stop.check()
        artifact = self.run.store.build(stage, config, inputs, options)
        self.made[stage.name] = artifact
        if publish:
            self._publish(stage.name)
        return artifact

    def _package(self, stage: Stage, config: Any) -> Artifact:
        stop.check()
        artifact = package_store().build(stage, config)
        self.made[stage.name] = artifact
        self.run.publish(package={**(self.run.state.package or {}), stage.name: artifact.key})
        return artifact

    def _publish(self, *stages: str, **changes: Any) -> None:
        known = self.run.state.stages or {}
        self.run.publish(stages={**known, **{name: self.made[name].key for name in stages}}, **changes)

    def _withdraw(self, stage: str) -> None:
        known = self.run.state.stages or {}
        if stage in known:
            self.run.publish(stages={name: key for name, key in known.items() if name != stage})

    def _inputs(self, *names: str) -> dict[str, Artifact]:
        return {name: self.made[name] for name in names if name in self.made}

    def _current(self, stage: str) -> Artifact | None:
        try:
            return self.run.artifact(stage)
        except WhelmError:  # no state yet, or a damaged artifact: it is made anew
            return None

    def _index_config(self) -> IndexConfig:
        weights = find_weights(STATIC)
        return IndexConfig(chunks=self.config.chunks, static=weights.sha256 if weights else "")

    def _same_layout(self) -> bool:
        """Can rows of the previous index be kept? Only if the same code and settings made it."""
        current = self._current("index")
        if current is None:
            return False
        mine = self.run.store.identity(INDEX, self._index_config(), {})
        return all(current.manifest["identity"][name] == mine[name] for name in ("version", "code", "config"))

    def _other_language(self) -> bool:
        """Is what was indexed before in another language than the encoder's?"""
        return (index := self._current("index")) is not None and _language_of(index) != "en"

    def _language(self) -> str:
        return _language_of(self.made["index"])


def _language_of(index: Artifact) -> str:
    """The language of most chunks."""
    counts = {k.removeprefix("language "): n for k, n in index.counts.items() if k.startswith("language ")}
    return max(counts, key=lambda name: (counts[name], name)) if counts else "en"


_READABLE = "readable are md, rst, txt, html, pdf, docx, ipynb, py, jsonl, csv, and .gz of these"


def check_writer(writer: WriterConfig) -> None:
    """Ask the endpoint one word: one that is down or answers nonsense is told before minutes are spent on the rest."""
    if writer.url:
        from whelm.generate.remote import Message, RemoteGenerator

        endpoint = RemoteGenerator(writer.url, writer.model, key_env=writer.key_env or None)
        endpoint.complete([Message("user", "Answer with the word: ready")], max_tokens=5)


def take_snapshot(config: BuildConfig, folder: Path | None, run: Path) -> Snapshot:
    """The files of the folder with the digests of those that are to be read; the run's own files are no documents."""
    if config.sources.python_library:
        return Snapshot((), digest(["python", platform.python_version()]))
    assert folder is not None
    files: list[tuple[SourceFile, str]] = []
    inside = run.resolve().is_relative_to(folder.resolve())
    own = [f"/{run.resolve().relative_to(folder.resolve()).as_posix()}/"] if inside else []
    for file in scan_folder(folder, [*config.sources.ignore, *own]):
        stop.check()
        files.append((file, "" if file.outcome else _digest_of(file)))
    return Snapshot(tuple(files), digest([[f.path, f.format, f.compressed, f.outcome, f.reason, d] for f, d in files]))


def _digest_of(file: SourceFile) -> str:
    try:
        return file.digest()
    except OSError:
        return ""  # read_sources will say why it cannot be read


def _embedders() -> tuple[tuple[str, str], ...]:
    return tuple((name, weights.sha256) for name in (STATIC, ENCODER) if (weights := find_weights(name)) is not None)


def _ledger_summary(path: Path) -> str:
    rows = read_ledger(path)
    if not rows:
        return "it is empty"
    first = [f"{row['path']} ({row['outcome']}{': ' + row['reason'] if row['reason'] else ''})" for row in rows[:3]]
    return f"{len(rows)} entries, none of them with text; {', '.join(first)}{', ...' if len(rows) > 3 else ''}"


def _link(source: Path, target: Path) -> None:
    """The same file under a second name, swapped in by a rename."""
    part = target.with_name(f".{target.name}.part")
    with guard_disk("publishing", target):
        part.unlink(missing_ok=True)
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(target)
