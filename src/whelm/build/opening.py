"""From a run's artifacts to an assistant that answers: the one place where rooms are joined for asking.

Whatever is not there yet is done without: no vectors, text search alone; no reader of the folder, the package's; not
even that, the signals with their built-in weights. So a run answers from its first minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whelm.answer.answerer import Answerer, AnswerSettings
from whelm.answer.ranking import FinalRanking
from whelm.answer.reader import Reader
from whelm.answer.untaught import UntaughtReader
from whelm.answer.word_weights import FolderWordWeights
from whelm.answer.write import Writer
from whelm.build.config import WriterConfig
from whelm.core.types import Embedder
from whelm.hub.weights import ENCODER, STATIC
from whelm.retrieve.embed import load_embedder
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.search import HybridRetriever

__all__ = ["open_answerer"]


def open_answerer(
    paths: Mapping[str, Path], settings: AnswerSettings, writer: WriterConfig | None = None, name: str = "whelm"
) -> Answerer:
    """paths: stage -> folder of its artifact; only "index" must be there."""
    from whelm.build.stages.documents import read_prominence
    from whelm.build.stages.retriever import load_search_config

    index = FolderIndex.open(paths["index"], [paths["vectors"]] if "vectors" in paths else [])
    language = next(iter(index.languages), "en")
    search = load_search_config(paths.get("retriever"), language)
    embedders: dict[str, Embedder] = {}
    for wanted in (search.which, search.fallback):
        if wanted and wanted in index.embedders and (embedder := load_embedder(wanted)) is not None:
            embedders[wanted] = embedder
    static = embedders.get(STATIC)
    encoder = embedders.get(ENCODER)
    reader_at = paths.get("reader") or paths.get("package-reader")
    reader = Reader.load(reader_at, static=static, encoder=encoder) if reader_at else UntaughtReader(static, encoder)
    reader.signals.weights = FolderWordWeights(index, reader.weights)
    generator = _generator(writer) if writer and writer.url else None
    prominence = read_prominence(paths["documents"]) if "documents" in paths else {}
    ranking = (
        FinalRanking.load(reader_at / "ranking.json") if reader_at and (reader_at / "ranking.json").exists() else None
    )
    return Answerer(
        index, HybridRetriever(index, embedders, search), reader, settings, ranking=ranking,
        prominence=prominence, generator=generator, language=language, name=name,
    )  # fmt: skip


def _generator(writer: WriterConfig) -> Writer:
    from whelm.generate.remote import RemoteGenerator  # an assistant that only quotes starts without an HTTP client

    return RemoteGenerator(writer.url, writer.model, key_env=writer.key_env or None)
