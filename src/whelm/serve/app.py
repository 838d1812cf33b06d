"""The routes: OpenAI's for chat, embeddings and models, our own for search and documents, and the page.

Each route reads a checked request, hands the work to a worker thread, waits within `answer_seconds` and shapes what
comes back. A request that finds no room among the workers is refused at once (503) and may come again. Errors of the
tree in `core/errors.py` keep their message and hint; any other is a bug of ours: it is logged whole and told in
one sentence. Nothing is kept between requests but the document ids of recent citations: the client's message list is
the conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse

from whelm import __version__
from whelm.core.errors import ConfigError, DataError, LimitError, MissingError, RemoteError, WhelmError
from whelm.core.types import Answer, Hit
from whelm.serve import wire
from whelm.serve.assistant import Assistant, Limits
from whelm.serve.guard import LOOPBACK_NAMES, Guard
from whelm.serve.wire import ChatRequest, EmbeddingRequest, Json, SearchRequest, error_response
from whelm.serve.workers import Busy, Workers

__all__ = ["create_app"]

_PAGE = Path(__file__).with_name("page")
_NEAREST = 5
_KEEP_ALIVE_S = 5.0
_log = logging.getLogger("whelm.serve")


def create_app(
    assistant: Assistant,
    *,
    token: str = "",
    names: Collection[str] | None = LOOPBACK_NAMES,
    limits: Limits | None = None,
) -> FastAPI:
    """The application around one assistant; `names`: hosts it is called by, None for any, which needs a token."""
    if names is None and not token:
        raise ConfigError("a server that may be called by any name needs a token, found none", "set a token")
    limits = limits or Limits()
    workers = Workers(limits.threads, limits.waiting)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    # no generated documentation: its pages load scripts from elsewhere
    app = FastAPI(
        title="whelm", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    app.add_middleware(Guard, limits=limits, token=token, names=names)
    _add_errors(app)
    _add_page(app)
    desk = _Desk(assistant, limits, workers)
    _add_openai(app, desk)
    _add_search(app, desk)
    return app


class _Desk:
    """What every route needs: the assistant, the bounds, and the way from one to the other."""

    def __init__(self, assistant: Assistant, limits: Limits, workers: Workers) -> None:
        self.assistant = assistant
        self.limits = limits
        self.workers = workers
        self.created = int(time.time())
        self.cited = wire.CitedBefore()

    async def work(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a method of the assistant in a worker, within the time that an answer may take."""
        return await self.workers.run(function, *arguments, timeout_s=self.limits.answer_seconds)

    def answer(self, request: ChatRequest) -> tuple[Answer, dict[str, Any]]:
        """The answer and what our page shows beside it; runs in a worker."""
        question, conversation = wire.conversation_of(request, self.cited, self.limits)
        answer = self.assistant.answer(question, conversation if conversation.turns else None, request.mode)
        if answer.error:
            raise DataError(answer.error, "ask in another way")
        self.cited.remember(answer)
        nearest = [] if answer.supported else [self.described(hit) for hit in answer.hits[:_NEAREST]]
        return answer, {"nearest": nearest, "titles": self.titles(answer)}

    def titles(self, answer: Answer) -> dict[str, str]:
        """The titles of the documents that are cited."""
        found = {}
        for citation in answer.citations:
            with contextlib.suppress(MissingError, KeyError):
                found[citation.document] = self.assistant.document(citation.document).title
        return found

    def search(self, query: str, k: int) -> list[dict[str, Any]]:
        """What text search and vectors find, with the text of each; runs in a worker."""
        return [self.described(hit, with_text=True) for hit in self.assistant.search(query, k)]

    def described(self, hit: Hit, with_text: bool = False) -> dict[str, Any]:
        """A hit with where it stands; what an update has removed meanwhile is left as it was found."""
        row: dict[str, Any] = {"document": hit.document, "chunk": hit.chunk, "score": round(float(hit.score), 6)}
        with contextlib.suppress(MissingError, KeyError):
            chunk, document = self.assistant.chunk(hit.chunk), self.assistant.document(hit.document)
            row |= {
                "title": document.title,
                "source": document.source,
                "headings": list(chunk.headings),
                "page": chunk.page,
                "start": chunk.start,
                "end": chunk.end,
            }
            if with_text:
                row["text"] = document.text[chunk.start : chunk.end]
        return row

    def passage(self, document_id: str, start: int, end: int) -> dict[str, Any]:
        """A document's text, or the part of it around `start` to `end` where it is too long; runs in a worker."""
        try:
            document = self.assistant.document(document_id)
        except KeyError:
            raise MissingError(
                f"there is no document {document_id[:200]!r}",
                "an update may have removed it; search for another: POST /v1/search",
            ) from None
        length, room = len(document.text), self.limits.document_characters
        first = 0
        if length > room:
            middle = (min(start, length) + min(max(end, start), length)) // 2
            first = max(0, min(middle - room // 2, length - room))
        text = document.text[first : first + room]
        return {
            "schema": "whelm.document/1",
            "id": document.id,
            "title": document.title,
            "language": document.language,
            "source": document.source,
            "format": document.format,
            "metadata": {str(name): str(value) for name, value in document.metadata.items()},
            "length": length,
            "start": first,
            "end": first + len(text),
            "text": text,
        }


def _add_openai(app: FastAPI, desk: _Desk) -> None:
    def model() -> dict[str, Any]:
        return {"id": desk.assistant.name, "object": "model", "created": desk.created, "owned_by": "whelm"}

    @app.get("/v1/models")
    async def models() -> Response:
        return Json({"object": "list", "data": [model()]})

    @app.get("/v1/models/{name:path}")
    async def one_model(name: str) -> Response:
        if name != desk.assistant.name:
            return error_response(
                404,
                f"expected the model {desk.assistant.name!r}, found {name[:200]!r}",
                "model_not_found",
                hint="GET /v1/models lists what there is",
                param="model",
            )
        return Json(model())

    @app.post("/v1/chat/completions")
    async def chat(request: ChatRequest) -> Response:
        wire.conversation_of(request, desk.cited, desk.limits)  # what is wrong with it is told before a stream begins
        identity, created, name = f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), desk.assistant.name
        characters = sum(len(str(message.content or "")) for message in request.messages)
        if request.stream:
            future = desk.workers.submit(desk.answer, request)
            opening = wire.opening_chunk(name, created, identity)

            async def pieces() -> AsyncIterator[str]:
                async for event in _stream(future, desk.limits.answer_seconds, opening):
                    if isinstance(event, str):
                        yield event
                        continue
                    answer, extra = event
                    wanted = (request.stream_options or {}).get("include_usage") is True
                    usage = wire.usage_of(characters, len(answer.answer)) if wanted else None
                    for chunk in wire.chat_chunks(
                        answer, extra, model=name, created=created, identity=identity, usage=usage
                    ):
                        yield _event(chunk)

            return StreamingResponse(pieces(), media_type="text/event-stream")
        answer, extra = await desk.work(desk.answer, request)
        return Json(
            wire.chat_completion(
                answer, extra, model=name, prompt_characters=characters, created=created, identity=identity
            )
        )

    @app.post("/v1/embeddings")
    async def embeddings(request: EmbeddingRequest) -> Response:
        texts = [request.input] if isinstance(request.input, str) else request.input
        limits = desk.limits
        if not 1 <= len(texts) <= limits.embedded_texts:
            raise DataError(f"expected 1 to {limits.embedded_texts} texts, found {len(texts)}", "send fewer at a time")
        longest = max(map(len, texts))
        if longest > limits.embedded_characters:
            raise DataError(
                f"expected texts of at most {limits.embedded_characters:,} characters, found one of {longest:,}",
                "split it",
            )
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        vectors = await desk.work(desk.assistant.embed, clean)
        if request.dimensions not in (None, vectors.shape[1]):
            raise DataError(
                f"expected dimensions {vectors.shape[1]} or none, found {request.dimensions}", "leave `dimensions` out"
            )
        return Json(wire.embedding_list(vectors, request, desk.assistant.name, sum(map(len, texts))))


def _add_search(app: FastAPI, desk: _Desk) -> None:
    async def found(query: str, k: int) -> Response:
        query = wire.question_of(query, desk.limits, "query")
        started = time.perf_counter()
        hits = await desk.work(desk.search, query, k)
        return Json(
            {
                "schema": "whelm.search/1",
                "query": query,
                "hits": hits,
                "seconds": round(time.perf_counter() - started, 4),
            }
        )

    @app.post("/v1/search")
    async def search(request: SearchRequest) -> Response:
        return await found(request.query, request.k)

    @app.get("/documents/{document_id:path}")
    async def document(request: Request, start: int = 0, end: int = 0) -> Response:
        # read from the raw path: a byte of a file's name that is no UTF-8 would reach a route as a question mark
        raw = request.scope["raw_path"].removeprefix(b"/documents/")
        document_id = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
        return Json(await desk.work(desk.passage, document_id, max(0, start), max(0, end)))


def _add_page(app: FastAPI) -> None:
    @app.get("/health")
    async def health() -> Response:
        return Json({"status": "ok", "version": __version__})

    @app.get("/")
    async def page() -> Response:
        return FileResponse(_PAGE / "index.html", media_type="text/html; charset=utf-8")

    kinds = {
        "app.js": "text/javascript; charset=utf-8",
        "app.css": "text/css; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }

    @app.get("/page/{name}")
    async def page_file(name: str) -> Response:
        if name not in kinds:  # a table, so that no path is ever built from what a client sends
            raise HTTPException(404)
        return FileResponse(_PAGE / name, media_type=kinds[name])

    @app.get("/favicon.ico")
    async def favicon() -> Response:
        return FileResponse(_PAGE / "icon.svg", media_type="image/svg+xml")


async def _stream(
    future: asyncio.Future[Any], seconds: float, opening: dict[str, Any]
) -> AsyncIterator[str | tuple[Answer, dict[str, Any]]]:
    """Server-sent events around one answer: opening, signs of life, the answer for the caller to shape, the end."""
    try:
        yield _event(opening)
        deadline = time.monotonic() + seconds
        while not future.done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            await asyncio.wait({future}, timeout=min(_KEEP_ALIVE_S, left))
            if not future.done():
                yield ": working\n\n"
        yield future.result()
    except Exception as error:
        # the status has been sent: an error travels as an event, which OpenAI's client raises
        yield f"data: {bytes(_shaped(error).body).decode()}\n\n"
    finally:
        future.cancel()
    yield "data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=True, separators=(',', ':'))}\n\n"


def _add_errors(app: FastAPI) -> None:
    async def handle(_: Request, error: Exception) -> Response:
        return _shaped(error)

    handler: Callable[[Request, Exception], Awaitable[Response]] = handle
    for kind in (WhelmError, Busy, TimeoutError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, handler)


def _shaped(error: Exception) -> Json:
    """Any error as a response: what it means for the client, in one place."""
    if isinstance(error, WhelmError):
        return _of_ours(error)
    if isinstance(error, Busy):
        return error_response(
            503,
            "all workers are busy and the queue is full",
            "server_busy",
            hint="ask again in a moment",
            headers={"Retry-After": "1"},
        )
    if isinstance(error, TimeoutError):
        # told not to try again by itself: what was too slow once still keeps a worker busy
        return error_response(
            504,
            "the answer took too long",
            "timeout",
            hint="ask a shorter question, or later",
            headers={"x-should-retry": "false"},
        )
    if isinstance(error, RequestValidationError):
        first = error.errors()[0] if error.errors() else {}
        where = ".".join(str(part) for part in first.get("loc", ()) if part != "body")
        return error_response(
            400,
            f"{where or 'the request'}: {first.get('msg', 'cannot be read')}",
            "invalid_request",
            param=where or None,
            hint="send a JSON object with these fields",
        )
    if isinstance(error, HTTPException):
        codes = {404: "not_found", 405: "method_not_allowed"}
        return error_response(
            error.status_code, str(error.detail), codes.get(error.status_code, "invalid_request"), headers=error.headers
        )
    _log.error("a request failed in a way that is a bug", exc_info=error)
    return error_response(
        500, "this is a bug of whelm; its log says more", "internal_error", headers={"x-should-retry": "false"}
    )


def _of_ours(error: WhelmError) -> Json:
    status, code = 500, "internal_error"
    headers = {"x-should-retry": "false"}
    if isinstance(error, DataError):
        status, code = 400, "invalid_request"
    elif isinstance(error, MissingError):
        status, code = 404, "not_found"
    elif isinstance(error, RemoteError):
        status, code = 502, "endpoint_failed"
    elif isinstance(error, LimitError):
        status, code = 503, "limit_reached"
    return error_response(status, error.message, code, hint=error.hint, headers=headers)
