"""The settings of the recipe `assistant`: what is computed. How it is computed stands in `RunOptions`.

Every field can be set by TOML or `--set path=value`; `whelm build --show-config` prints all of them with their reasons.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whelm.core.errors import ConfigError, IncompatibleError
from whelm.data.questions import QuestionConfig
from whelm.retrieve.chunks import ChunkConfig

__all__ = ["AnswerConfig", "BuildConfig", "RunOptions", "SourceConfig", "WriterConfig", "config_from"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceConfig:
    """What is read."""

    ignore: tuple[str, ...] = ()
    """Patterns as in .gitignore, beside those of .whelmignore"""
    python_library: bool = False
    """Read the documents that every Python carries in place of a folder: `whelm demo`"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerConfig:
    """When an answer is given and how much it quotes."""

    false_refusals: float = 0.05
    """Share of answerable questions that may be refused; the threshold is calibrated to it"""
    candidates: int = 60
    """Chunks of the search that are weighed for one question"""

    def __post_init__(self) -> None:
        if not 0 < self.false_refusals < 1:
            raise ConfigError(f"false_refusals must lie between 0 and 1, found {self.false_refusals}")
        if self.candidates < 1:
            raise ConfigError(f"candidates must be at least 1, found {self.candidates}")


@dataclass(frozen=True, kw_only=True, slots=True)
class WriterConfig:
    """An OpenAI-compatible endpoint that writes from the evidence; without a URL the answers quote."""

    url: str = ""
    """Base URL, such as http://127.0.0.1:8000/v1"""
    model: str = ""
    """Name of the model at the endpoint"""
    key_env: str = ""
    """Name of the environment variable that holds the key; the key itself is written nowhere"""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildConfig:
    """The recipe `assistant`."""

    budget_s: float = 300.0
    """Wall clock of all teaching [s]; the plan turns it into numbers of steps once"""
    seed: int = 0
    """Names every random choice: splits, samples, order of teaching"""
    sources: SourceConfig = field(default_factory=SourceConfig)
    chunks: ChunkConfig = field(default_factory=ChunkConfig)
    questions: QuestionConfig = field(default_factory=QuestionConfig)
    answers: AnswerConfig = field(default_factory=AnswerConfig)
    writer: WriterConfig = field(default_factory=WriterConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.budget_s < 1e6:
            raise ConfigError(
                f"the budget must lie between 0 and 1,000,000 seconds, found {self.budget_s}", "such as --budget 5m"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a build runs; nothing here changes a result beyond floating point."""

    out: Path = Path("runs/mine")
    """The run's folder"""
    folder: Path | None = None
    """The documents"""


def config_from(body: Mapping[str, Any]) -> BuildConfig:
    """The settings in their plain form, as a run keeps them; what this version does not know is an error."""
    return _from_plain(BuildConfig(), body, "config")


def _from_plain(default: Any, body: Mapping[str, Any], path: str) -> Any:
    known = {f.name for f in dataclasses.fields(default)}
    if unknown := sorted(set(body) - known):
        raise IncompatibleError(
            f"the run's settings name {path}.{unknown[0]}, which this version does not know", "build into a new folder"
        )
    values: dict[str, Any] = {}
    for name, value in body.items():
        current = getattr(default, name)
        if dataclasses.is_dataclass(current):
            values[name] = _from_plain(current, value, f"{path}.{name}")
        else:
            values[name] = tuple(value) if isinstance(current, tuple) else value
    return dataclasses.replace(default, **values)
