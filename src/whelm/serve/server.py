"""Binds the port and serves until it is told to stop (Ctrl-C or SIGTERM end open answers within five seconds).

The socket is bound here, before uvicorn starts, so that a port in use is a LimitError with a hint and not a log line,
and so that port 0 gives a free one whose number is known. Anything but loopback needs a token: without one the server
refuses to start. A connection that does not send its request's head within ten seconds is closed; uvicorn alone would
let it stay for ever.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Collection
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from whelm.core.errors import ConfigError, LimitError
from whelm.serve.app import create_app
from whelm.serve.assistant import Assistant, Limits
from whelm.serve.guard import LOOPBACK_NAMES

__all__ = ["bind", "make_server", "serve"]

_HEAD_SECONDS = 10.0
_MIN_TOKEN_CHARACTERS = 16


def serve(
    assistant: Assistant,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    names: Collection[str] = (),
    limits: Limits | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve `assistant` until a signal; `on_ready` gets the address, `names` are further hosts it is called by."""
    server, listener = make_server(assistant, host=host, port=port, token=token, names=names, limits=limits)
    if on_ready is not None:
        on_ready(address_of(listener))
    with listener:
        server.run(sockets=[listener])


def make_server(
    assistant: Assistant,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    names: Collection[str] = (),
    limits: Limits | None = None,
) -> tuple[uvicorn.Server, socket.socket]:
    """A server that has its port but does not run yet; the caller runs it and closes the socket."""
    limits = limits or Limits()
    address = _resolved(host, port)
    loopback = ipaddress.ip_address(address).is_loopback
    _check_token(token, host, loopback)
    if loopback:
        allowed: Collection[str] | None = {*LOOPBACK_NAMES, host, address, *names}
    else:
        # the token is what protects here: which names lead to this machine is not ours to know
        allowed = None if not names else {host, address, *names, *LOOPBACK_NAMES}
    app = create_app(assistant, token=token, names=allowed, limits=limits)
    config = uvicorn.Config(
        app,
        http=_Impatient,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=limits.connections,
    )
    return uvicorn.Server(config), bind(address, port)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; LimitError where the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # a server that has just ended leaves its port waiting; that is not "in use"
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise LimitError(
                f"expected port {port} of {host} to be free, found it in use",
                "stop what uses it, or choose another: --port 0 takes any free one",
            ) from error
        if error.errno == errno.EACCES:
            raise LimitError(
                f"expected leave to use port {port}, found none", "choose a port above 1023, such as --port 8000"
            ) from error
        raise LimitError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            "choose an address of this machine, such as 127.0.0.1",
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _resolved(host: str, port: int) -> str:
    if not 0 <= port <= 65535:
        raise ConfigError(f"expected a port from 0 to 65535, found {port}", "choose one above 1023, such as 8000")
    if host.lower() == "localhost":
        return "127.0.0.1"  # a resolver is not asked what must stay on this machine
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"expected an address of this machine, found {host!r}",
            "use 127.0.0.1, or 0.0.0.0 with a token for the whole network",
        ) from error
    return str(found[0][4][0]).partition("%")[0]


def _check_token(token: str, host: str, loopback: bool) -> None:
    if not token and not loopback:
        raise ConfigError(
            f"expected a token, as {host} can be reached from other machines, found none",
            "set one, or serve on 127.0.0.1 and reach it through ssh -L",
        )
    if token and (len(token) < _MIN_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token):
        raise ConfigError(
            f"expected a token of at least {_MIN_TOKEN_CHARACTERS} printable characters without spaces",
            "make one: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )


class _Impatient(H11Protocol):
    """uvicorn's protocol with a bound on the time that a request's head may take."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:  # the head is there; the guard watches the body
            self._stop_watching()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
