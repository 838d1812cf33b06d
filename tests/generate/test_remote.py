"""The endpoint's client: what it bounds, what it says when an endpoint fails, and that the key stays a secret."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time

import pytest
from tests.endpoint import Endpoint

from whelm.core.errors import ConfigError, RemoteError
from whelm.generate.remote import Message, RemoteGenerator, is_loopback

PROMPT = [
    Message(
        "user",
        "Evidence:\n[1] The ferry leaves at 7:40.\n[2] A bicycle costs 4 euros.\nQuestion: When does the ferry leave?",
    )
]
KEY = "sk-very-secret-0123456789"


def test_right_endpoint_writes() -> None:
    with Endpoint("right") as endpoint:
        completion = RemoteGenerator(endpoint.url, "small").complete(PROMPT)
    assert completion.text == "The ferry leaves at 7:40 [1]."
    assert completion.finish_reason == "stop"
    assert endpoint.requests[0]["model"] == "small"
    assert endpoint.requests[0]["temperature"] == 0.0
    assert endpoint.headers[0].get("authorization") is None
    assert endpoint.headers[0]["accept-encoding"] == "identity"


def test_models_are_listed() -> None:
    with Endpoint() as endpoint:
        assert RemoteGenerator(endpoint.url + "/", "small").models() == ["small"]


@pytest.mark.parametrize(("mode", "part"), [
    ("nonsense", "expected JSON"),
    ("shape", "choices[0].message.content"),
    ("locked", "found 401"),
    ("moved", "found 307"),
    ("dead", "to answer"),
    ("busy", "found 429"),
    ("broken", "found 500"),
])  # fmt: skip
def test_failing_endpoints_are_told_apart(mode: str, part: str) -> None:
    with Endpoint(mode) as endpoint:
        with pytest.raises(RemoteError) as caught:
            RemoteGenerator(endpoint.url, "small", retries=0).complete(PROMPT)
    assert part in caught.value.message
    assert endpoint.url in caught.value.message
    assert caught.value.hint


def test_nobody_listens() -> None:
    with Endpoint() as endpoint:
        url = endpoint.url
    with pytest.raises(RemoteError, match="to answer"):
        RemoteGenerator(url, "small", retries=1).complete(PROMPT)


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_slow_endpoints_end_at_the_deadline(mode: str) -> None:
    with Endpoint(mode) as endpoint:
        started = time.monotonic()
        with pytest.raises(RemoteError, match=r"within 0\.3 s"):
            RemoteGenerator(endpoint.url, "small", timeout_s=0.3).complete(PROMPT)
        assert time.monotonic() - started < 5


def test_the_deadline_holds_retries_too() -> None:
    with Endpoint("broken") as endpoint:
        started = time.monotonic()
        with pytest.raises(RemoteError):
            RemoteGenerator(endpoint.url, "small", timeout_s=0.6, retries=1_000).complete(PROMPT)
        assert time.monotonic() - started < 5
    assert len(endpoint.requests) < 5


def test_endless_answers_are_cut_off() -> None:
    with Endpoint("huge") as endpoint:
        with pytest.raises(RemoteError, match="more than the 100,000 bytes"):
            RemoteGenerator(endpoint.url, "small", max_response_bytes=100_000).complete(PROMPT)
    assert len(endpoint.requests) == 1


def test_what_passes_by_itself_is_tried_again() -> None:
    with Endpoint("flaky") as endpoint:
        assert RemoteGenerator(endpoint.url, "small").complete(PROMPT).text.startswith("The ferry")
    assert len(endpoint.requests) == 2


def test_what_does_not_is_not() -> None:
    with Endpoint("locked") as endpoint:
        with pytest.raises(RemoteError):
            RemoteGenerator(endpoint.url, "small").complete(PROMPT)
    assert len(endpoint.requests) == 1


def test_the_key_is_sent_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with Endpoint("echo") as endpoint:
        generator = RemoteGenerator(endpoint.url, "small", key_env="MY_KEY")
        with pytest.raises(RemoteError) as caught:
            generator.complete(PROMPT)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "[key]" in caught.value.message
    shown = [repr(generator), str(vars(generator)), generator.name, str(caught.value), caught.value.hint, caplog.text]
    assert not any(KEY in text for text in shown)
    assert KEY.encode() not in pickle.dumps(caught.value)


def test_a_missing_key_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match="MY_KEY, found none"):
        RemoteGenerator("http://127.0.0.1:1/v1", "small", key_env="MY_KEY")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/v1",
        "127.0.0.1:8000",
        "http://",
        "http://h:99999999/v1",
        "http://h/v1?a=1",
        "http://user:pass@h/v1",
        "http://h\n/v1",
        "",
    ],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RemoteGenerator(url, "small")
    assert "pass" not in caught.value.message.replace("password", "")


def test_a_proxy_does_not_see_what_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Endpoint() as endpoint:
        assert RemoteGenerator(endpoint.url, "small", retries=0).complete(PROMPT).text


def test_within_a_running_loop() -> None:
    async def ask(url: str) -> str:
        return RemoteGenerator(url, "small").complete(PROMPT).text

    with Endpoint() as endpoint:
        assert asyncio.run(ask(endpoint.url)).endswith("[1].")


@pytest.mark.parametrize(("url", "expected"), [
    ("http://127.0.0.1:8000/v1", True), ("http://localhost/v1", True), ("http://LOCALHOST.:1", True),
    ("http://a.localhost", True), ("http://[::1]:8000/v1", True), ("http://127.9.9.9", True),
    ("http://[::ffff:127.0.0.1]/", True), ("http://localhost.evil.com/v1", False), ("http://127.0.0.1.nip.io", False),
    ("http://10.0.0.1", False), ("http://0.0.0.0", False), ("https://api.openai.com/v1", False),
    ("http://127.0.0.1@evil.com/", False), ("http://[::1", False), ("", False),
])  # fmt: skip
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
