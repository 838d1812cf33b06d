"""The peers of bench/peers.py, each set up as its documentation shows, and the MiniLM vectors that they share.

A peer takes documents and ranks their names for a question. Each splits with its own splitter, sized to the 256 tokens
that MiniLM reads, and joins words (BM25) with vectors in its own way. Vectors are kept by the digest of the text, with
the seconds that each took: what a second run does not spend is still told. Nothing here uses the network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import MissingError
from whelm.core.types import Document
from whelm.hub.weights import WeightFiles, find_weights

__all__ = ["DEPTH", "OFFLINE", "PEERS", "System", "Vectors", "lay_out", "minilm", "say"]

# read when the libraries are imported: no model hub, no statistics sent to their makers
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
WEIGHTS = "minilm-l6"
MAX_TOKENS = 256  # what MiniLM reads of a text, as published
DEPTH = 50  # chunks that each list of a peer holds: more than its defaults (2 to 10), so that five documents are there
# those for which bm25s has stop words and Snowball a stemmer; English is the default of LlamaIndex
SNOWBALL = {"de": "german", "en": "english", "es": "spanish", "fr": "french", "it": "italian", "nl": "dutch",
            "pt": "portuguese", "ru": "russian", "sv": "swedish"}  # fmt: skip
Matrix = NDArray[np.float32]


class System(Protocol):
    """Something that ranks the documents for a question."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def index(self, documents: Sequence[Document], language: str) -> None: ...

    def search(self, question: str) -> list[str]:
        """Names of documents, best first; a name may repeat."""


class Vectors:
    """MiniLM's vectors, each text encoded once a machine: digest of the text -> vector and the seconds it took."""

    def __init__(self, encode: Callable[[Sequence[str]], Matrix], path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.encode = encode
        self.remembered_s = 0.0
        """Seconds that were not spent because the vectors were there already"""
        self._store = sqlite3.connect(path)
        self._store.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, seconds REAL)")

    def passages(self, texts: Sequence[str], batch: int = 256) -> Matrix:
        """float32 [n, 384], rows of length 1."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        known: dict[bytes, Matrix] = {}
        for key in dict.fromkeys(keys):
            row = self._store.execute("SELECT vector, seconds FROM vectors WHERE key = ?", (key,)).fetchone()
            if row:
                known[key] = np.frombuffer(row[0], np.float32)
                self.remembered_s += row[1]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        # by length, so that little is padded
        order = sorted(missing, key=lambda key: len(missing[key]))
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            begin = time.perf_counter()
            found = self.encode([missing[key] for key in part])
            each_s = (time.perf_counter() - begin) / len(part)
            known.update(zip(part, found, strict=True))
            rows = [(key, known[key].astype(np.float32).tobytes(), each_s) for key in part]
            with self._store:
                self._store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            if len(order) > batch:
                say(f"    {start + len(part):,} of {len(order):,} vectors")
        return np.stack([known[key] for key in keys]).astype(np.float32) if keys else np.empty((0, 384), np.float32)

    def query(self, text: str) -> Matrix:
        """float32 [384]; never from the cache, as its seconds are measured."""
        return np.asarray(self.encode([text])[0], dtype=np.float32)


def lay_out(weights: WeightFiles, folder: Path) -> Path:
    """The weights' files as the folder that sentence-transformers expects: transformer, mean pooling, length 1."""
    assert weights.config is not None, "named encoders have a configuration"
    for name, file in (
        ("model.safetensors", weights.model), ("tokenizer.json", weights.tokenizer), ("config.json", weights.config)
    ):  # fmt: skip
        (folder / name).symlink_to(file.resolve())
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    pooling = {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    for name, body in {
        "modules.json": modules, "1_Pooling/config.json": pooling, "2_Normalize/config.json": {},
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "tokenizer_config.json": tokenizer,
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(body))
    return folder


@contextlib.contextmanager
def minilm(cache: Path) -> Iterator[tuple[Vectors, Callable[[str], list[str]]]]:
    """The vectors that the peers share, and the tokenizer that counts for the splitters."""
    weights = find_weights(WEIGHTS)
    if weights is None:
        raise MissingError(f"the weights {WEIGHTS} were not found", f"whelm model fetch {WEIGHTS}")
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory(prefix="minilm-") as folder:
        model = SentenceTransformer(str(lay_out(weights, Path(folder))), device="cpu")

        def encode(texts: Sequence[str]) -> Matrix:
            return np.asarray(model.encode(list(texts), batch_size=32, show_progress_bar=False), dtype=np.float32)

        yield Vectors(encode, cache / weights.sha256[:16] / "vectors.sqlite"), model.tokenizer.tokenize


# --- the peers ------------------------------------------------------------------------------------------------------


class LlamaIndex:
    """SentenceSplitter, BM25Retriever (stemmed) and VectorIndexRetriever, joined by QueryFusionRetriever."""

    name = "llama-index"
    settings: ClassVar[dict[str, Any]] = {
        "chunk_tokens": MAX_TOKENS,
        "overlap_tokens": 32,
        "fusion": "reciprocal_rerank",
    }

    def __init__(self, vectors: Vectors, tokenize: Callable[[str], list[str]]) -> None:
        self.vectors, self.tokenize = vectors, tokenize

    def index(self, documents: Sequence[Document], language: str) -> None:
        import Stemmer
        from llama_index.core import Document as Text
        from llama_index.core import VectorStoreIndex
        from llama_index.core.llms import MockLLM
        from llama_index.core.node_parser import SentenceSplitter
        from llama_index.core.retrievers import QueryFusionRetriever
        from llama_index.core.schema import MetadataMode
        from llama_index.retrievers.bm25 import BM25Retriever

        splitter = SentenceSplitter(
            chunk_size=self.settings["chunk_tokens"],
            chunk_overlap=self.settings["overlap_tokens"],
            tokenizer=self.tokenize,
        )
        # the path is what SimpleDirectoryReader gives every text, for the vectors and for BM25
        texts = [Text(text=d.text, doc_id=d.id, metadata={"file_path": d.id}) for d in documents if d.text.strip()]
        nodes = splitter.get_nodes_from_documents(texts)
        depth = min(DEPTH, len(nodes))
        language = language if language in SNOWBALL else "en"
        bm25 = BM25Retriever.from_defaults(
            nodes=nodes, similarity_top_k=depth, stemmer=Stemmer.Stemmer(SNOWBALL[language]), language=language
        )
        # after BM25, which keeps a copy of every node
        found = self.vectors.passages([node.get_content(MetadataMode.EMBED) for node in nodes])
        for node, vector in zip(nodes, found, strict=True):
            node.embedding = vector.tolist()
        dense = VectorStoreIndex(nodes, embed_model=self._embedding()).as_retriever(similarity_top_k=depth)
        self.retriever = QueryFusionRetriever(
            [dense, bm25], similarity_top_k=depth, num_queries=1, mode=self.settings["fusion"], use_async=False,
            llm=MockLLM(),
        )  # fmt: skip

    def search(self, question: str) -> list[str]:
        return [str(hit.node.metadata["file_path"]) for hit in self.retriever.retrieve(question)]

    def _embedding(self) -> Any:
        from llama_index.core.embeddings import BaseEmbedding

        vectors = self.vectors

        class Shared(BaseEmbedding):
            """A local embedding, as HuggingFaceEmbedding is, over the vectors that all share."""

            def _get_query_embedding(self, query: str) -> list[float]:
                return vectors.query(query).tolist()

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

            def _get_text_embedding(self, text: str) -> list[float]:
                return vectors.passages([text])[0].tolist()

        return Shared(model_name=WEIGHTS)


class Txtai:
    """Segmentation by a recursive chunker, Embeddings with hybrid=True."""

    name = "txtai"
    settings: ClassVar[dict[str, Any]] = {"chunk_characters": 1000, "chunker": "recursive", "hybrid": True}

    def __init__(self, vectors: Vectors, tokenize: Callable[[str], list[str]]) -> None:
        self.vectors = vectors

    def index(self, documents: Sequence[Document], language: str) -> None:
        from txtai import Embeddings
        from txtai.pipeline import Segmentation

        split = Segmentation(
            chunker=self.settings["chunker"], tokenizer="character", chunk_size=self.settings["chunk_characters"]
        )
        rows = [(d.id, text) for d in documents if d.text.strip() for text in split(d.text)]
        self.names = [name for name, _ in rows]
        asking = False

        # txtai wants a function; the vectors are those of its `path` to the same weights, for texts of up to 256 tokens
        # (beyond these its own loader reads on to 512, for which MiniLM was not trained)
        def transform(texts: Sequence[str]) -> Matrix:
            return np.stack([self.vectors.query(t) for t in texts]) if asking else self.vectors.passages(texts)

        self.embeddings = Embeddings(method="external", transform=transform, hybrid=True, content=False)
        self.embeddings.index((number, text, None) for number, (_, text) in enumerate(rows))
        asking = True

    def search(self, question: str) -> list[str]:
        return [self.names[int(number)] for number, _ in self.embeddings.search(question, DEPTH)]


class Haystack:
    """DocumentSplitter, BM25 and vectors of the InMemoryDocumentStore, joined by DocumentJoiner."""

    name = "haystack"
    settings: ClassVar[dict[str, Any]] = {"chunk_words": 150, "overlap_words": 25, "fusion": "reciprocal_rank_fusion"}

    def __init__(self, vectors: Vectors, tokenize: Callable[[str], list[str]]) -> None:
        self.vectors = vectors

    def index(self, documents: Sequence[Document], language: str) -> None:
        from haystack import Document as Text
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.preprocessors import DocumentSplitter
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack.document_stores.types import DuplicatePolicy

        splitter = DocumentSplitter(
            split_by="word", split_length=self.settings["chunk_words"], split_overlap=self.settings["overlap_words"]
        )
        texts = [Text(content=d.text, meta={"file_path": d.id, "title": d.title}) for d in documents if d.text.strip()]
        chunks = splitter.run(documents=texts)["documents"]
        # what SentenceTransformersDocumentEmbedder(meta_fields_to_embed=["title"]) would encode
        found = self.vectors.passages(["\n".join(filter(None, (c.meta["title"], c.content))) for c in chunks])
        ready = [Text(content=c.content, meta=c.meta, embedding=v.tolist()) for c, v in zip(chunks, found, strict=True)]
        store = InMemoryDocumentStore()
        store.write_documents(ready, policy=DuplicatePolicy.SKIP)
        self.bm25 = InMemoryBM25Retriever(store, top_k=DEPTH)
        self.dense = InMemoryEmbeddingRetriever(store, top_k=DEPTH)
        self.joiner = DocumentJoiner(join_mode=self.settings["fusion"])

    def search(self, question: str) -> list[str]:
        words = self.bm25.run(query=question)["documents"]
        near = self.dense.run(query_embedding=self.vectors.query(question).tolist())["documents"]
        return [c.meta["file_path"] for c in self.joiner.run(documents=[words, near])["documents"]]


PEERS: Mapping[str, Callable[[Vectors, Callable[[str], list[str]]], System]] = {
    "llama-index": LlamaIndex, "txtai": Txtai, "haystack": Haystack
}  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
