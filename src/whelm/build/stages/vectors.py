"""The encoder's vectors of the chunks, openings of documents first, as many as the plan says.

What is left over is embedded for candidates when a question is asked. Vectors go by the digest of their text, so
an update embeds only new text. An interrupted run continues after the last finished batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whelm.core import stop
from whelm.core.digest import digest
from whelm.core.errors import ModelError
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Metric
from whelm.retrieve.embed import load_embedder
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.update import write_vectors
from whelm.retrieve.vectors import VectorTable

__all__ = ["VECTORS", "VectorsConfig", "VectorsOptions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorsConfig:
    """Whose vectors (name and digest of the weights), and of how many texts at most."""

    embedder: str
    weights: str
    limit: int


@dataclass(frozen=True, slots=True)
class VectorsOptions:
    """Artifacts that hold vectors of the same embedder."""

    reuse: Sequence[Path] = ()


def _run(context: Context) -> Outcome:
    config: VectorsConfig = context.config
    embedder = load_embedder(config.embedder)
    if embedder is None:
        raise ModelError(
            f"the weights {config.embedder} are not there any more", "whelm model list says where they are looked for"
        )

    def keep_going(embedded: int) -> bool:
        stop.check()
        return embedded < config.limit

    with FolderIndex.open(context.inputs["index"].path) as index:
        counts = write_vectors(
            index, embedder, context.out, reuse=context.options.reuse if context.options else (), scratch=context.scratch,
            keep_going=keep_going, progress=lambda done, total: context.progress(done, total, "passages"),
        )  # fmt: skip
    keys = VectorTable.open(context.out, config.embedder).keys
    present = counts.total - counts.missing
    return Outcome(
        content=digest([config.embedder, config.weights, [key.hex() for key in sorted(keys)]]),
        counts={"texts": counts.total, "embedded": counts.embedded, "reused": counts.reused, "missing": counts.missing},
        metrics={"coverage": Metric(present / counts.total if counts.total else 1.0, n=counts.total)},
    )


VECTORS = Stage("vectors", _run)
