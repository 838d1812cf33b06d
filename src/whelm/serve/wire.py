"""Requests in, checked; answers out, in OpenAI's shapes: https://platform.openai.com/docs/api-reference.

A request may carry more fields than are used here (clients send temperature, tools and so on): they are ignored. The
whole message list is the conversation: the last message is the question, the turns before it say what "it" means.
JSON is written in ASCII, so that a file name that is no valid Unicode can be sent without harm.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from whelm.core.errors import DataError
from whelm.core.types import Answer, Conversation, Turn
from whelm.serve.assistant import Limits, Mode

__all__ = [
    "ChatRequest",
    "CitedBefore",
    "EmbeddingRequest",
    "Json",
    "SearchRequest",
    "chat_chunks",
    "chat_completion",
    "conversation_of",
    "embedding_list",
    "error_body",
    "error_response",
    "opening_chunk",
    "question_of",
    "usage_of",
]

_MAX_TURNS = 12
_PIECE_CHARACTERS = 48


class Json(Response):
    """A JSON response that any Python string survives, lone surrogates included."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ChatMessage(_Lenient):
    """One message; `content` as text or as parts, of which the text ones count."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    citations: list[dict[str, Any]] | None = None


class ChatRequest(_Lenient):
    """POST /v1/chat/completions; `mode` is our own field."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=1_000)
    model: str = ""
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    n: Literal[1] | None = 1
    mode: Mode = "auto"


class EmbeddingRequest(_Lenient):
    """POST /v1/embeddings; texts only, no token numbers."""

    input: str | list[str]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class SearchRequest(_Lenient):
    """POST /v1/search, our own."""

    query: str
    k: int = Field(default=10, ge=1, le=100)


class CitedBefore:
    """Which documents an answer cited, by the digest of its text, for clients that send back only the text.

    Holds document ids of the last `size` answers and nothing else.
    """

    def __init__(self, size: int = 1_024) -> None:
        self._size = size
        self._documents: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()

    def remember(self, answer: Answer) -> None:
        if answer.citations:
            self._documents[_text_key(answer.answer)] = _cited(answer)
            while len(self._documents) > self._size:
                self._documents.popitem(last=False)

    def recall(self, text: str) -> tuple[str, ...]:
        return self._documents.get(_text_key(text), ())


def question_of(text: str, limits: Limits, field: str = "question") -> str:
    """The text as a question: trimmed, within bounds, encodable; DataError where it is not one."""
    if len(text) > limits.question_characters:
        raise DataError(
            f"expected a {field} of at most {limits.question_characters:,} characters, found {len(text):,}",
            "shorten it",
        )
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ").strip()
    if not text:
        raise DataError(f"expected a {field}, found none", "write what you want to know")
    return text


def conversation_of(request: ChatRequest, cited: CitedBefore, limits: Limits) -> tuple[str, Conversation]:
    """The question and what was said before it; what a system message says is not for this assistant."""
    spoken = [message for message in request.messages if message.role in ("user", "assistant")]
    if not spoken or spoken[-1].role != "user":
        raise DataError(
            "expected the last message to be the user's question, found none",
            'end `messages` with {"role": "user", "content": "..."}',
        )
    question = question_of(_text_of(spoken[-1]), limits)
    turns: list[Turn] = []
    asked = ""
    for message in spoken[:-1]:
        text = _text_of(message)[: limits.question_characters].encode("utf-8", "replace").decode("utf-8").strip()
        if message.role == "user":
            if asked:
                turns.append(Turn(asked, ""))
            asked = text
        elif asked:
            turns.append(Turn(asked, text, _documents_of(message) or cited.recall(text)))
            asked = ""
    if asked:
        turns.append(Turn(asked, ""))
    return question, Conversation(tuple(turns[-_MAX_TURNS:]))


def chat_completion(
    answer: Answer, extra: Mapping[str, Any], *, model: str, prompt_characters: int, created: int, identity: str
) -> dict[str, Any]:
    """One whole answer; `extra` holds what our page shows beyond OpenAI's fields."""
    message = {"role": "assistant", "content": answer.answer, "citations": _citations(answer)}
    return {
        "id": identity,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": usage_of(prompt_characters, len(answer.answer)),
        "whelm": {**answer.record(), **extra},
    }


def chat_chunks(
    answer: Answer, extra: Mapping[str, Any], *, model: str, created: int, identity: str, usage: dict[str, int] | None
) -> Iterator[dict[str, Any]]:
    """The answer in pieces, after the chunk that `opening_chunk` gives; citations in the last with a choice."""
    for start in range(0, len(answer.answer), _PIECE_CHARACTERS):
        yield _chunk({"content": answer.answer[start : start + _PIECE_CHARACTERS]}, model, created, identity)
    last = _chunk({"citations": _citations(answer)}, model, created, identity, finish_reason="stop")
    yield {**last, "citations": _citations(answer), "whelm": {**answer.record(), **extra}}
    if usage is not None:
        yield {**_chunk({}, model, created, identity), "choices": [], "usage": usage}


def opening_chunk(model: str, created: int, identity: str) -> dict[str, Any]:
    """The first chunk of a stream: who speaks."""
    return _chunk({"role": "assistant", "content": ""}, model, created, identity)


def usage_of(prompt_characters: int, answer_characters: int) -> dict[str, int]:
    """Tokens, estimated as a quarter of the characters: nothing here counts them."""
    prompt, answer = -(-prompt_characters // 4), -(-answer_characters // 4)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def embedding_list(
    vectors: NDArray[np.float32], request: EmbeddingRequest, model: str, characters: int
) -> dict[str, Any]:
    """Vectors as numbers, or as base64 of little-endian float32, which the official client asks for."""

    def shown(vector: NDArray[np.float32]) -> str | list[float]:
        if request.encoding_format == "base64":
            return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode("ascii")
        return [float(value) for value in vector]

    data = [{"object": "embedding", "index": index, "embedding": shown(row)} for index, row in enumerate(vectors)]
    tokens = -(-characters // 4)
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def error_body(message: str, code: str, *, status: int, hint: str = "", param: str | None = None) -> dict[str, Any]:
    """OpenAI's shape of an error, with our hint beside it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    if status == 401:
        kind = "authentication_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code, "hint": hint}}


def error_response(
    status: int,
    message: str,
    code: str,
    *,
    hint: str = "",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Json:
    return Json(error_body(message, code, status=status, hint=hint, param=param), status, dict(headers or {}))


def _text_of(message: ChatMessage) -> str:
    if isinstance(message.content, list):
        texts = [part.get("text") for part in message.content if part.get("type", "text") in ("text", "input_text")]
        return "\n".join(text for text in texts if isinstance(text, str))
    return message.content or ""


def _documents_of(message: ChatMessage) -> tuple[str, ...]:
    names = [row.get("document") for row in (message.citations or [])[:50]]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _cited(answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(citation.document for citation in answer.citations))


def _citations(answer: Answer) -> Sequence[dict[str, Any]]:
    citations: Sequence[dict[str, Any]] = answer.record().get("citations", [])
    return citations


def _chunk(
    delta: dict[str, Any], model: str, created: int, identity: str, finish_reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {"id": identity, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [choice]}


def _text_key(text: str) -> bytes:
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).digest()
