"""Who may ask, how much and how slowly."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from whelm.core.errors import ConfigError, DataError, LimitError, MissingError, RemoteError
from whelm.serve import server as server_module
from whelm.serve.app import create_app
from whelm.serve.assistant import Limits
from whelm.serve.server import bind, make_server

CHAT = {"messages": [{"role": "user", "content": "What does a bicycle cost in August?"}]}
PATIENCE_S = 60.0  # a busy machine is no failure
DATA_PATHS = ["/v1/models", "/documents/parking.html", "/v1/search"]


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE_S, **options)


def post(address: str, path: str = "/v1/chat/completions", body: Any = CHAT, **options: Any) -> httpx.Response:
    return httpx.post(address + path, json=body, timeout=PATIENCE_S, **options)


def post_bytes(address: str, content: bytes | Iterator[bytes], kind: str = "application/json") -> httpx.Response:
    headers = {"Content-Type": kind}
    return httpx.post(address + "/v1/chat/completions", content=content, headers=headers, timeout=PATIENCE_S)


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "hint"}
    return error


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:80:80", "", "a b", "127.1,x"])
@pytest.mark.parametrize("path", ["/", "/v1/models", "/documents/parking.html"])
def test_a_rebound_name_reads_nothing(address: str, host: str, path: str) -> None:
    response = get(address + path, headers={"Host": host})
    assert response.status_code in (400, 403)
    assert "euros" not in response.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:8000"])
def test_names_of_this_machine(address: str, host: str) -> None:
    assert get(address + "/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
@pytest.mark.parametrize("path", DATA_PATHS)
def test_other_pages_read_nothing(address: str, origin: str, path: str) -> None:
    response = get(address + path, headers={"Origin": origin})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers
    assert httpx.options(address + path, headers={"Origin": origin}, timeout=PATIENCE_S).status_code == 403


@pytest.mark.parametrize("path", DATA_PATHS)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_cannot_embed(address: str, path: str, site: str) -> None:
    # <script src="http://127.0.0.1:8000/documents/..."> sends no Origin
    assert get(address + path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert get(address + path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}).status_code == 403


def test_a_link_to_the_page_works(address: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert get(address + "/", headers=headers).status_code == 200


def test_our_own_page_may_ask(address: str) -> None:
    assert post(address, headers={"Origin": address, "Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_plain_text_is_no_request(address: str) -> None:
    # a page may send text/plain anywhere without asking first
    response = post_bytes(address, json.dumps(CHAT).encode(), "text/plain")
    assert response.status_code in (400, 415, 422)


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/v1/models", "/nothing"])
def test_safety_headers(address: str, path: str) -> None:
    headers = get(address + path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_token(start: Callable[..., str], assistant) -> None:
    url = start(assistant, token="a-long-enough-token")
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic a-long-enough-token"},
        {b"Authorization": "Bearer tökén".encode()},
    ):
        for path in DATA_PATHS:
            assert get(url + path, headers=headers).status_code == 401
        assert post(url, headers=headers).status_code == 401
    assert assistant.asked == []
    assert post(url, headers={"Authorization": "Bearer a-long-enough-token"}).status_code == 200
    assert get(url + "/").status_code == 200
    assert "island" not in get(url + "/health").text


def test_beyond_loopback_needs_a_token(assistant) -> None:
    with pytest.raises(ConfigError, match=r"expected a token, as 0\.0\.0\.0"):
        make_server(assistant, host="0.0.0.0", port=0)
    with pytest.raises(ConfigError, match="at least 16"):
        make_server(assistant, host="0.0.0.0", port=0, token="short")
    with pytest.raises(ConfigError, match="needs a token"):
        create_app(assistant, names=None)
    with pytest.raises(ConfigError, match="expected an address"):
        make_server(assistant, host="no such host", port=0)


def test_a_port_in_use(assistant) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LimitError) as caught:
            make_server(assistant, port=port)
    assert str(port) in caught.value.message
    assert "--port 0" in caught.value.hint


# ---------------------------------------------------------------- how much


def test_long_bodies(start: Callable[..., str], assistant, small: Limits) -> None:
    url = start(assistant, limits=small)
    body = json.dumps({**CHAT, "padding": "x" * 30_000}).encode()
    stated = post_bytes(url, body)
    in_pieces = post_bytes(url, iter([body[:9_000], body[9_000:]]))
    assert [stated.status_code, in_pieces.status_code] == [413, 413]
    assert error_of(stated)["code"] == "request_too_large"
    assert assistant.asked == []
    assert post(url).status_code == 200


def test_a_length_that_is_no_number_or_out_of_all_bounds(address: str) -> None:
    for length in ("99999999999999", "-1", "abc"):
        answer = raw(address, f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
        assert answer.split()[1] in (b"400", b"413")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"messages": "x"}',
        b"\xff\xfe",
        b"null",
        b'{"messages": [{"role": "user", "content": 3}]}',
        b'{"messages": [{"role": "user", "content": "a"}], "mode": "sing"}',
        b'{"messages": [{"role": "user", "content": "a"}], "n": 2}',
    ],
)
def test_bodies_that_are_no_request(address: str, body: bytes) -> None:
    response = post_bytes(address, body)
    assert response.status_code == 400
    assert error_of(response)["type"] == "invalid_request_error"


def test_odd_characters_in_a_question(address: str, assistant) -> None:
    content = "bicycle cost \ud800 \u0000 August \u202e"
    response = post_bytes(address, json.dumps({"messages": [{"role": "user", "content": content}]}).encode())
    assert response.status_code == 200
    assistant.asked[0][0].encode()  # nothing that a tokenizer would refuse
    assert "\x00" not in assistant.asked[0][0]


def test_too_many_at_once(start: Callable[..., str], assistant) -> None:
    assistant.hold = threading.Event()
    url = start(assistant, limits=Limits(threads=1, waiting=1))
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(post, url) for _ in range(6)]
        assert wait_until(lambda: sum(future.done() for future in answers) == 4)
        done = [future for future in answers if future.done()]
        assert done[0].result().headers["retry-after"] == "1"
        assert error_of(done[0].result())["code"] == "server_busy"
        assert get(url + "/health").status_code == 200  # the loop is free meanwhile
        assistant.hold.set()
        assert sorted(future.result().status_code for future in answers) == [200, 200, 503, 503, 503, 503]
    assert post(url).status_code == 200


def test_too_slow_an_answer(start: Callable[..., str], assistant, small: Limits) -> None:
    assistant.hold = threading.Event()
    url = start(assistant, limits=replace(small, answer_seconds=0.4))
    late = post(url)
    assert late.status_code == 504
    assert late.headers["x-should-retry"] == "false"
    # the worker still holds it: its place stays taken until it returns
    assistant.hold.set()
    assert wait_until(lambda: post(url).status_code == 200)


def test_given_up_before_it_began(start: Callable[..., str], assistant, small: Limits) -> None:
    assistant.hold = threading.Event()
    url = start(assistant, limits=replace(small, answer_seconds=0.4))
    assert [post(url).status_code for _ in range(2)] == [504, 504]  # the second waited behind the first
    assistant.hold.set()
    assert wait_until(lambda: post(url).status_code == 200)
    assert len(assistant.asked) == 2  # the first and the last: nobody waited for the second any more


def test_too_slow_a_stream(start: Callable[..., str], assistant, small: Limits) -> None:
    assistant.hold = threading.Event()
    url = start(assistant, limits=replace(small, answer_seconds=0.4))
    response = post(url, body={**CHAT, "stream": True})
    assistant.hold.set()
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert json.loads(events[-2])["error"]["code"] == "timeout"
    assert events[-1] == "[DONE]"


def test_too_slow_a_body(start: Callable[..., str], assistant, small: Limits) -> None:
    url = start(assistant, limits=replace(small, body_seconds=0.4))
    answer = raw(url, "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert answer.split()[1] == b"408"


def test_too_slow_a_head(start: Callable[..., str], assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_HEAD_SECONDS", 0.3)
    url = start(assistant)
    assert raw(url, "GET / HTTP/1.1\r\nHost: loc") == b""
    assert raw(url, "") == b""


def test_too_many_connections(start: Callable[..., str], assistant) -> None:
    url = start(assistant, limits=Limits(connections=3))
    where = urlsplit(url)
    idle = [socket.create_connection((where.hostname, where.port)) for _ in range(4)]
    try:
        assert wait_until(lambda: get(url + "/health").status_code == 503)
    finally:
        for connection in idle:
            connection.close()
    assert wait_until(lambda: get(url + "/health").status_code == 200)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(("error", "status"), [
    (DataError("no writer", "build one"), 400),
    (MissingError("gone", "build it"), 404),
    (RemoteError("the endpoint is down", "start it"), 502),
    (LimitError("no memory", "free some"), 503),
    (ValueError("inner secret"), 500),
    (KeyError("inner secret"), 500),
    (StopIteration(), 500),
])  # fmt: skip
def test_errors_keep_their_hint_and_bugs_their_secrets(address: str, assistant, error: Exception, status: int) -> None:
    assistant.raises = error
    response = post(address)
    assert response.status_code == status
    shown = error_of(response)
    if status != 500:
        assert (shown["message"], shown["hint"]) == (error.message, error.hint)  # type: ignore[attr-defined]
    assert "secret" not in response.text
    assistant.raises = None
    assert post(address).status_code == 200


def test_unknown_places(address: str) -> None:
    for path in ("/nothing", "/docs", "/openapi.json", "/page/../app.py", "/page/%2e%2e/app.py", "/page/index.html"):
        response = get(address + path)
        assert response.status_code == 404
        assert error_of(response)["code"] == "not_found"
    assert get(address + "/v1/chat/completions").status_code == 405


# ---------------------------------------------------------------- our own routes


def test_search(address: str, assistant) -> None:
    found = post(address, "/v1/search", {"query": "bicycle August", "k": 2}).json()
    assert found["schema"] == "whelm.search/1"
    first = found["hits"][0]
    assert first["document"] == "trips/ferry & bus.md"
    assert assistant.document(first["document"]).text[first["start"] : first["end"]] == first["text"]
    assert "bicycle" in first["text"]
    assert len(post(address, "/v1/search", {"query": "costs euros nothing", "k": 2}).json()["hits"]) == 2
    assert post(address, "/v1/search", {"query": " "}).status_code == 400
    assert post(address, "/v1/search", {"query": "a", "k": 10**9}).status_code == 400


def test_documents(address: str, assistant, start: Callable[..., str], small: Limits) -> None:
    for name in assistant.documents:
        path = "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "surrogateescape"))
        found = get(f"{address}/documents/{path}").json()
        assert found["id"] == name
        assert found["text"] == assistant.documents[name].text
    missing = get(f"{address}/documents/etc/passwd")
    assert missing.status_code == 404
    assert error_of(missing)["hint"]
    text = assistant.documents["trips/ferry & bus.md"].text
    at = text.index("A bicycle")
    url = start(assistant, limits=small)
    part = get(f"{url}/documents/trips%2Fferry%20%26%20bus.md?start={at}&end={at + 9}").json()
    assert part["text"] == text[part["start"] : part["end"]]
    assert len(part["text"]) == 300 < part["length"]
    assert part["start"] <= at < at + 9 <= part["end"]


def raw(address: str, head: str) -> bytes:
    """What the server sends back to these bytes, until it closes or has answered."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode())
        return connection.recv(65_536)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True
