"""A run that is made up, in place of the library below the command line.

Commands import what they call when they are called, so a module put into `sys.modules` is what they find, whether the
real one can be imported or not. What the real ones promise is held by `test_contract.py`.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from whelm.cli.main import main
from whelm.core.errors import MissingError, RemoteError
from whelm.core.types import Answer, Citation, Conversation, Document, Hit

DOCUMENT = Document(
    "leave.md", "Leave\n\nParental leave lasts 14 weeks.\n", title="Leave", language="en", source="/notes/leave.md"
)
QUOTE = "Parental leave lasts 14 weeks."


def cited(question: str, **changes: Any) -> Answer:
    start = DOCUMENT.text.index(QUOTE)
    fields: dict[str, Any] = {
        "question": question,
        "answer": QUOTE,
        "supported": True,
        "citations": (Citation("leave.md", "/notes/leave.md", "Leave", 2, "leave.md:0", QUOTE, start,
                               start + len(QUOTE), 0.9),),
        "hits": (Hit("leave.md", "leave.md:0", 0.9), Hit("pay.md", "pay.md:3", 0.4)),
        "seconds": 0.01,
    }  # fmt: skip
    return Answer(**{**fields, **changes})


class FakeAnswerer:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Conversation | None, str]] = []

    def answer(self, question: str, conversation: Conversation | None = None, mode: str = "auto") -> Answer:
        self.asked.append((question, conversation, mode))
        if "moon" in question:
            return Answer(question=question, hits=(Hit("pay.md", "pay.md:3", 0.1),))
        if "remote" in question:
            raise RemoteError("the endpoint did not answer", "start it")
        if "bug" in question:
            raise AssertionError("a thing\nthat cannot be")
        if "interrupt" in question:
            raise KeyboardInterrupt
        return cited(question)


class FakeRun:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.fake = FakeAnswerer()

    def answerer(self) -> FakeAnswerer:
        return self.fake

    def assistant(self) -> str:
        return "the assistant"

    def document(self, name: str) -> Document:
        if name != DOCUMENT.id:
            raise MissingError(f"no document is named {name}", "did you mean leave.md?")
        return DOCUMENT


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """put("whelm.build.run", open_run=...): a module with these names, in place of the real one."""

    def put_module(name: str, **names: Any) -> ModuleType:
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        monkeypatch.setattr(importlib.import_module(parent), child, module, raising=False)
        return module

    return put_module


@pytest.fixture
def run(put: Callable[..., ModuleType], tmp_path: Path) -> FakeRun:
    fake = FakeRun(tmp_path / "a run")

    def open_run(path: Path) -> FakeRun:
        if Path(path) != fake.path:
            raise MissingError(f"there is no run at {path}", "make one: whelm build FOLDER")
        return fake

    put("whelm.build.run", open_run=open_run)
    return fake


@pytest.fixture
def whelm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """whelm("ask", "..."): exit code, stdout and stderr of one command line."""
    monkeypatch.delenv("WHELM_RUN", raising=False)
    monkeypatch.delenv("WHELM_TOKEN", raising=False)

    def call(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call
