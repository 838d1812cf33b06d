"""Who may ask, how much and how slowly: one ASGI layer around the whole application.

A server on loopback is reachable by every web page that the user visits, so three things are checked before any
route sees a request. *Host* must be a name of this server: a page whose own name was rebound to 127.0.0.1 says its own.
*Origin* and *Sec-Fetch-Site*, where a browser sends them, must be those of our page: no other page may ask, and as no
CORS header is ever sent, none may read. *Authorization* must carry the token where one is set, compared in constant
time. Then the body is read here, within `body_bytes` and `body_seconds`, and handed on whole.
The page's own files hold no documents and are served without the token, so that the page can ask for it.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whelm.serve.assistant import Limits
from whelm.serve.wire import Json, error_response

__all__ = ["LOOPBACK_NAMES", "Guard"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_OPEN_PATHS = ("/", "/health", "/favicon.ico")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_DRAINED_BYTES = 32 << 20  # read and dropped, so that a client that sends too much still hears why
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_SAFETY_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """`names`: the hosts under which the server may be called, None for any (only where a token is set)."""

    def __init__(self, app: ASGIApp, *, limits: Limits, token: str, names: Collection[str] | None) -> None:
        self._app = app
        self._limits = limits
        self._token = token.encode()
        self._names = None if names is None else {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFETY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_safely)
            return
        try:
            body = await asyncio.wait_for(self._body(scope, receive), self._limits.body_seconds)
        except TimeoutError:
            seconds = self._limits.body_seconds
            body = error_response(
                408,
                f"the request was not there whole after {seconds:g} s",
                "request_timeout",
                hint="send it again, in one go",
            )
        if isinstance(body, bytes):
            await self._app(scope, _replay(body, receive), send_safely)
        elif body is not None:
            await body(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> Json | None:
        headers = Headers(scope=scope)
        path = scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return error_response(
                403,
                "the Host header does not name this server",
                "host_not_allowed",
                hint="open it by the address that it printed when it started",
            )
        origins = headers.getlist("origin")
        same_origin = [f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()]
        if any(origin.lower() not in same_origin for origin in origins):
            return error_response(
                403,
                "another web page may not read these documents",
                "origin_not_allowed",
                hint="use the server's own page, or a client that is no web page",
            )
        site = headers.get("sec-fetch-site", "none")
        to_page = path == "/" and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not to_page:
            return error_response(
                403,
                "another web page may not read these documents",
                "origin_not_allowed",
                hint="use the server's own page, or a client that is no web page",
            )
        if self._token and path not in _OPEN_PATHS and not path.startswith("/page/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
                return error_response(
                    401,
                    "this server wants its token",
                    "invalid_api_key",
                    hint="send it as `Authorization: Bearer TOKEN`",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return None

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower().removesuffix(".")
        return self._names is None or name in self._names

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Json | None:
        """The whole body, a refusal where it is too long, None where the client went away."""
        limit = self._limits.body_bytes
        stated = Headers(scope=scope).get("content-length", "0")
        too_long = not stated.isdigit() or int(stated) > limit
        if too_long and (not stated.isdigit() or int(stated) > _DRAINED_BYTES):
            return _too_long(limit)
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > limit:
                too_long = True
                pieces.clear()
            else:
                pieces.append(piece)
            if size > _DRAINED_BYTES:
                break
        return _too_long(limit) if too_long else b"".join(pieces)


def _too_long(limit: int) -> Json:
    return error_response(
        413,
        f"expected a request of at most {limit:,} bytes, found a longer one",
        "request_too_large",
        hint="ask a shorter question, or leave out old turns",
        headers={"Connection": "close"},
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
