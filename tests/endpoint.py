"""A small OpenAI-compatible endpoint of the tests' own: right, wrong, slow, dripping, dead, nonsense.

`Endpoint` runs on a free port of loopback in a thread; `mode` may be changed while it runs, `requests` holds what it
was asked. In the modes that write it reads the numbered lines of the prompt and answers from them:

    right        the line that shares most words with the question, with its number
    wrong        the same with every number of its text changed and a name that nobody knows
    uncited      the same without its number
    misnumbered  the same under a number that is not there
    refuses      that the documents do not say
    nonsense     a status of 200 and a body that is no JSON        shape      JSON of another shape
    huge         a body without end                                slow       nothing, for a long while
    drip         a byte now and then                               dead       closes the connection at once
    busy         429                     broken   500              flaky      500 once, then right
    locked       401                     moved    a redirect       echo       an error that repeats the key it was sent
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Endpoint"]

_STATUS = {"busy": 429, "broken": 500, "locked": 401, "moved": 307, "echo": 400}


class Endpoint:
    """`with Endpoint("right") as endpoint: ... endpoint.url ...`"""

    def __init__(self, mode: str = "right") -> None:
        self.mode = mode
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()  # whoever is slow stops waiting
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that goes away early is what many tests are about: no traceback."""


def answer_from(prompt: str, mode: str) -> str:
    """What a writer of this mode makes of the numbered lines of `prompt`."""
    if mode == "refuses":
        return "The documents do not say."
    question = prompt.rpartition("Question: ")[2]
    asked = set(re.findall(r"\w+", question.lower()))
    lines = re.findall(r"^\[(\d+)\] (.*)$", prompt, re.MULTILINE)
    if not lines:  # asked whether it is there
        return "ready"
    number, text = max(lines, key=lambda line: len(asked & set(re.findall(r"\w+", line[1].lower()))))
    text = text.rpartition(": ")[2].rstrip(".")
    if mode == "wrong":
        return f"Brunhilde says that {re.sub(r'[0-9]+', lambda m: str(int(m[0]) + 7), text)} [{number}]."
    return {"uncited": f"{text}.", "misnumbered": f"{text} [77]."}.get(mode, f"{text} [{number}].")


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if endpoint.mode == "dead":
                self.close_connection = True
                return
            self._send(200, json.dumps({"object": "list", "data": [{"id": "small", "object": "model"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.requests.append(body)
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            mode = endpoint.mode
            if mode == "flaky":
                endpoint.mode = "right"
                self._send(500, b"not now")
            elif mode in _STATUS:
                self._send(_STATUS[mode], f"told: {self.headers.get('authorization')}".encode())
            elif mode == "dead":
                self.close_connection = True
            elif mode == "slow":
                endpoint.released.wait(30)
                self.close_connection = True
            elif mode in ("drip", "huge"):
                self._without_end(b" " * 65_536 if mode == "huge" else b" ", 0.0 if mode == "huge" else 0.02)
            elif mode == "nonsense":
                self._send(200, b"<html>Welcome to nginx!</html>")
            elif mode == "shape":
                self._send(200, b'{"result": "fine"}')
            else:
                prompt = body["messages"][-1]["content"]
                message = {"role": "assistant", "content": answer_from(prompt, mode)}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                self._send(200, json.dumps({"object": "chat.completion", "choices": [choice]}).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 307:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _without_end(self, piece: bytes, pause_s: float) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Length", str(10**9))
            self.end_headers()
            try:
                while not endpoint.released.wait(pause_s):
                    self.wfile.write(piece)
            except OSError:  # the client has had enough
                pass

    return Handler
