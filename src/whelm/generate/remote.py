"""An OpenAI-compatible endpoint that writes: `POST {base_url}/chat/completions`, one bounded request at a time.

Everything that can go on without end is bounded: one deadline holds connecting, waiting, reading and all retries
together (a server that drips a byte a second gains nothing), the answer is cut off at `max_response_bytes` and asked
for uncompressed, so that it cannot unfold. Only what may pass by itself is tried again: a refused connection and the
statuses 429, 500, 502, 503, 504. Redirects are not followed: the key and the evidence go where the user said.
Invariant: the key lives in the environment alone. It is read at the moment of the request, is no attribute of any
object, and is masked in every message, also where an endpoint echoes it. Cost: one connection a request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from whelm.core.errors import ConfigError, RemoteError

__all__ = ["Completion", "Message", "RemoteGenerator", "is_loopback"]

_RETRIED = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE_S = 0.25
_EXCERPT_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat: who speaks (`system`, `user`, `assistant`) and what."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What an endpoint wrote. `finish_reason` is "length" where it was cut off."""

    text: str
    finish_reason: str = "stop"
    seconds: float = 0.0


def is_loopback(url: str) -> bool:
    """Whether text sent to `url` stays on this machine. Names are not resolved: only what is certain counts."""
    try:
        host = (urlsplit(url if "//" in url else f"//{url}").hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class RemoteGenerator:
    """Asks one model of one endpoint; see the module for what is bounded."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key_env: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 2,
        max_response_bytes: int = 1_000_000,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout_s`: wall clock of one `complete`, retries included. `key_env`: the variable that holds the key."""
        self.base_url = _checked_url(base_url)
        self.model = model
        self.key_env = key_env or ""
        self.timeout_s = timeout_s
        self.retries = retries
        self.max_response_bytes = max_response_bytes
        self._transport = transport
        if not model.strip():
            raise ConfigError(
                "the writer needs the name of a model, found none",
                "name one that the endpoint serves, such as --writer-model NAME",
            )
        if timeout_s <= 0 or retries < 0 or max_response_bytes <= 0:
            raise ConfigError(
                "timeout_s and max_response_bytes must be above 0 and retries not below 0, found "
                f"{timeout_s}, {max_response_bytes} and {retries}",
                "leave them at their defaults",
            )
        self._key()  # a missing key is a mistake to hear of now, not at the first question

    def __repr__(self) -> str:
        return f"RemoteGenerator({self.base_url!r}, {self.model!r})"

    @property
    def name(self) -> str:
        """How reports call this writer."""
        return f"{self.model} at {self.base_url}"

    @property
    def leaves_machine(self) -> bool:
        """Whether questions and evidence are sent to another machine."""
        return not is_loopback(self.base_url)

    def complete(self, messages: Sequence[Message], *, max_tokens: int = 400, temperature: float = 0.0) -> Completion:
        """The endpoint's continuation of `messages`; RemoteError where it is down, slow or answers nonsense."""
        body = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": False,
        }
        started = time.monotonic()
        text, finish_reason = _completion(self._exchange("POST", "chat/completions", body), self._where)
        return Completion(text, finish_reason, time.monotonic() - started)

    def models(self) -> list[str]:
        """The models that the endpoint says it serves: a cheap way to learn early that it is down."""
        answer = self._exchange("GET", "models", None)
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise self._nonsense("a list of models under `data`", answer)
        return [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]

    @property
    def _where(self) -> str:
        return f"the endpoint {self.base_url}"

    def _key(self) -> str:
        if not self.key_env:
            return ""
        key = os.environ.get(self.key_env, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigError(
                f"expected the endpoint's key in the environment variable {self.key_env}, "
                f"found {'none' if not key else 'one that no header can carry'}",
                f"export {self.key_env}=..., or leave out the key's variable where none is needed",
            )
        return key

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """One request with its retries, run under one deadline, in this thread or beside a running loop."""
        job = self._within_deadline(method, path, body)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(job)
        return _in_thread(job)

    async def _within_deadline(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._with_retries(method, path, body)
        except TimeoutError:
            raise RemoteError(
                f"{self._where} did not answer within {self.timeout_s:g} s",
                "check that it is running and not overloaded, or allow more time; quotations need no endpoint",
            ) from None

    async def _with_retries(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        # a proxy of the environment must not see what is meant for this machine
        options = {"trust_env": self.leaves_machine, "transport": self._transport, "timeout": None}
        async with httpx.AsyncClient(follow_redirects=False, **options) as client:  # type: ignore[arg-type]
            for attempt in range(self.retries + 1):
                try:
                    status, wait_s, content = await self._once(client, method, path, body)
                except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                    failure = self._unreachable(error)
                    if not isinstance(error, httpx.ConnectError | httpx.RemoteProtocolError | httpx.ReadError):
                        raise failure from None
                else:
                    if 200 <= status < 300:
                        return self._decoded(content)
                    failure = self._refused(status, content)
                    if status not in _RETRIED:
                        raise failure
                    if wait_s:
                        await asyncio.sleep(wait_s)
                if attempt == self.retries:
                    raise failure from None
                await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        raise AssertionError("unreachable: the loop returns or raises")

    async def _once(
        self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, float, bytes]:
        """Status, seconds that the endpoint asks to wait, and body, cut off where it is too long."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whelm"}
        key = self._key()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        async with client.stream(method, f"{self.base_url}/{path}", json=body, headers=headers) as response:
            encoding = response.headers.get("content-encoding", "identity")
            if encoding != "identity":
                raise RemoteError(
                    f"{self._where} sent a compressed answer ({self._shown(encoding)}) that was not asked for",
                    "turn off compression at the endpoint or at the proxy before it",
                )
            content = bytearray()
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > self.max_response_bytes:
                    raise RemoteError(
                        f"{self._where} sent more than the {self.max_response_bytes:,} bytes that are accepted",
                        "check that this is a chat endpoint; a short cited answer has a few hundred bytes",
                    )
            return response.status_code, _retry_after(response.headers.get("retry-after", "")), bytes(content)

    def _decoded(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._nonsense("JSON", content) from None

    def _unreachable(self, error: Exception) -> RemoteError:
        found = self._shown(str(error)) or type(error).__name__
        return RemoteError(
            f"expected {self._where} to answer, found: {found}",
            "start it, or correct its address (it ends in /v1 for most); quotations need no endpoint",
        )

    def _refused(self, status: int, content: bytes) -> RemoteError:
        hints = {
            401: "set the variable that the key is read from to a key that the endpoint accepts",
            403: "set the variable that the key is read from to a key that the endpoint accepts",
            404: f"check the address (it ends in /v1 for most) and that the model {self.model!r} is served there",
            429: "the endpoint allows fewer requests: wait, or use another",
        }
        hint = hints.get(status, "see the endpoint's own log" if status >= 500 else "check its address and model")
        if 300 <= status < 400:
            hint = "give the address that it redirects to: redirects are not followed, they could take the text away"
        return RemoteError(f"expected status 200 from {self._where}, found {status}: {self._shown(content)}", hint)

    def _nonsense(self, expected: str, found: object) -> RemoteError:
        shown = self._shown(found)
        return RemoteError(
            f"expected {expected} from {self._where}, found: {shown}",
            "check that the address is that of an OpenAI-compatible endpoint (it ends in /v1 for most)",
        )

    def _shown(self, found: object) -> str:
        """An excerpt fit for a message: one line, printable, short, without the key."""
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        return _excerpt(found, key)


def _completion(answer: Any, where: str) -> tuple[str, str]:
    """Text and finish reason of a chat completion, checked as far as they are used."""
    hint = "check that the endpoint is a chat endpoint and that the model is one for chat"
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):  # some endpoints answer in parts
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(content, str):
        keys = sorted(map(str, answer))[:8] if isinstance(answer, dict) else type(answer).__name__
        raise RemoteError(f"expected choices[0].message.content to be text from {where}, found {_excerpt(keys)}", hint)
    reason = choice.get("finish_reason") if isinstance(choice, dict) else None
    return content, reason if isinstance(reason, str) else "stop"


def _checked_url(url: str) -> str:
    hint = "give an address such as http://127.0.0.1:8000/v1; the key belongs into an environment variable"
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"expected the address of an endpoint, found one that is none: {error}", hint) from None
    if parts.username is not None or parts.password is not None:
        # not shown: what stands before the @ is a secret
        raise ConfigError("expected an address without user and password in it, found some before the @", hint)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.strip().isprintable():
        raise ConfigError(f"expected an http or https address, found {_excerpt(url)!r}", hint)
    if parts.query or parts.fragment:
        raise ConfigError("expected an address without ? and #, found one with them", hint)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _retry_after(value: str) -> float:
    """Seconds of a Retry-After header; a date or nonsense counts as none, a long wait is left to the deadline."""
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else 0.0


def _excerpt(found: object, secret: str = "") -> str:
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    if secret:
        text = text.replace(secret, "[key]")
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 20 * _EXCERPT_CHARACTERS]).split())
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "..."


def _in_thread(job: Any) -> Any:
    """Run a coroutine to its end although this thread already runs a loop (a notebook, an async caller)."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((asyncio.run(job), None))
        except BaseException as error:  # carried over to the thread that asked
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
