"""The library keeps what the commands ask of it: the other tests of this folder put fakes in its place."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

CALLS: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("whelm.build.assistant", "build_assistant", ("config", "options"), {}),
    ("whelm.build.assistant", "plan", ("config", "options"), {}),
    ("whelm.build.assistant", "update", (Path("run"),), {}),
    ("whelm.build.run", "open_run", (Path("run"),), {}),
    ("whelm.build.run", "list_runs", (Path("runs"),), {}),
    ("whelm.build.run", "remove_run", (Path("run"),), {}),
    ("whelm.build.run", "verify_run", (Path("run"),), {}),
    ("whelm.build.run", "Run.answerer", ("self",), {}),
    ("whelm.build.run", "Run.document", ("self", "name"), {}),
    ("whelm.build.run", "Run.artifact", ("self", "stage"), {}),
    ("whelm.build.environment", "environment", (), {}),
    ("whelm.answer.answerer", "Answerer.answer", ("self", "question", None, "auto"), {}),
    ("whelm.answer.answerer", "Answerer.answer", ("self", "question"), {"mode": "auto"}),
    ("whelm.answer.answerer", "Answerer.twins", ("self", "document"), {}),
    ("whelm.evaluate.own", "read_questions", (Path("file"),), {}),
    ("whelm.evaluate.answers", "judge_own", ((), "ask", "twins"), {}),
    ("whelm.serve.server", "serve", ("assistant",),
     {"host": "", "port": 1, "token": "", "names": (), "on_ready": print}),
    ("whelm.hub.weights", "status", (), {}),
    ("whelm.hub.weights", "fetch", ("name",), {}),
    ("whelm.core.events", "subscribe", (print,), {}),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "arguments", "named"), CALLS, ids=[f"{c[0]}.{c[1]}" for c in CALLS])
def test_the_library_takes_these_calls(
    module: str, name: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    inspect.signature(function).bind(*arguments, **named)
