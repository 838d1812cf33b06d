"""The official client against a live server: list, chat, stream, embed, and the errors that it raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import openai
import pytest

from whelm.core.types import NOT_SUPPORTED, Turn

QUESTION = "What does a bicycle cost in August?"


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as found:
        yield found


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["island"]
    assert client.models.retrieve("island").owned_by == "whelm"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_chat(client: openai.OpenAI, assistant) -> None:
    completion = client.chat.completions.create(model="island", messages=[{"role": "user", "content": QUESTION}])
    message = completion.choices[0].message
    assert message.content.startswith("A bicycle costs 4.50 euros in August.")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens > 0
    (citation,) = message.citations
    text = assistant.document(citation["document"]).text
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert completion.whelm["schema"] == "whelm.answer/1"
    assert assistant.asked == [(QUESTION, None, "auto")]


def test_stream(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="island", messages=[{"role": "user", "content": QUESTION}])
    chunks = list(
        client.chat.completions.create(model="island", messages=[{"role": "user", "content": QUESTION}], stream=True)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert len(chunks) >= 4
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].delta.citations == whole.choices[0].message.citations
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_stream_with_usage(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="island",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-2].choices[0].delta.citations


def test_refusal_is_an_answer(client: openai.OpenAI) -> None:
    message = (
        client.chat.completions.create(model="island", messages=[{"role": "user", "content": "Who reigns in Sweden?"}])
        .choices[0]
        .message
    )
    assert message.content == NOT_SUPPORTED
    assert message.citations == []


def test_the_message_list_is_the_conversation(client: openai.OpenAI, assistant) -> None:
    first = client.chat.completions.create(model="island", messages=[{"role": "user", "content": QUESTION}])
    content = first.choices[0].message.content
    client.chat.completions.create(
        model="island",
        extra_body={"mode": "quote"},
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "text", "text": "and parking?"}]},
        ],
    )
    question, conversation, mode = assistant.asked[-1]
    assert (question, mode) == ("and parking?", "quote")
    # the client sent text alone: which documents it came from is remembered here
    assert conversation.turns == (Turn(QUESTION, content, ("trips/ferry & bus.md",)),)


def test_embeddings(client: openai.OpenAI, assistant) -> None:
    texts = ["a bicycle", "the ferry leaves"]
    found = client.embeddings.create(model="island", input=texts)  # the client asks for base64
    np.testing.assert_allclose([row.embedding for row in found.data], assistant.embed(texts), atol=1e-6)
    one = client.embeddings.create(model="island", input="a bicycle", encoding_format="float")
    np.testing.assert_allclose(one.data[0].embedding, assistant.embed(["a bicycle"])[0], atol=1e-6)
    with pytest.raises(openai.BadRequestError, match="dimensions 3"):
        client.embeddings.create(model="island", input="a", dimensions=64)


@pytest.mark.parametrize("messages", [
    [{"role": "user", "content": "  "}],
    [{"role": "system", "content": "hello"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    [{"role": "user", "content": "word " * 2_000}],
    [],
])  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_question(client: openai.OpenAI, messages: list, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="island", messages=messages, stream=stream)
    assert caught.value.body["message"]


def test_one_megabyte(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="island", messages=[{"role": "user", "content": "x" * (1 << 20)}])
    assert caught.value.status_code == 413


def test_a_token_as_key(start: Callable[..., str], assistant) -> None:
    url = start(assistant, token="a-long-enough-token")
    with openai.OpenAI(base_url=f"{url}/v1", api_key="a-long-enough-token", max_retries=0) as client:
        assert client.models.list().data[0].id == "island"
    with openai.OpenAI(base_url=f"{url}/v1", api_key="a-long-enough-tokem", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_an_error_within_a_stream_is_raised(client: openai.OpenAI, assistant) -> None:
    assistant.raises = RuntimeError("secret inner words")
    with pytest.raises(openai.APIError) as caught:
        list(
            client.chat.completions.create(
                model="island", messages=[{"role": "user", "content": QUESTION}], stream=True
            )
        )
    assert "secret" not in str(caught.value)
