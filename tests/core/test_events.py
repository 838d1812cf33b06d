"""One stream, any number of readers, a log that loses nothing and kills nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from whelm.core import events
from whelm.core.events import EventLog, emit, read_events, subscribe
from whelm.core.types import Event


def test_readers_come_and_go() -> None:
    first: list[Event] = []
    emit("s", "unheard", 1)
    end = subscribe(first.append)
    again = subscribe(first.append)
    emit("reader", "loss", 2, "nats", step=3)
    end()
    end()
    emit("reader", "note", "text")
    again()
    emit("reader", "unheard", 1)
    assert [(e.stage, e.step, e.name, e.value, e.unit) for e in first] == [("reader", 3, "loss", 2.0, "nats")] * 2 + [
        ("reader", 0, "note", "text", "")
    ]
    assert isinstance(first[0].value, float)
    assert first[0].time > 1e9


def test_the_log_round_trips_and_appends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    seen: list[Event] = []
    end = subscribe(seen.append)
    for value in (1.5, "ü\n\ud800"):
        with EventLog(path):
            emit("s", "x", value, "u", 4)
    end()
    assert [(e.stage, e.step, e.name, e.value, e.unit) for e in read_events(path)] == [
        ("s", 4, "x", 1.5, "u"),
        ("s", 4, "x", "ü\n\ud800", "u"),
    ]
    assert [round(e.time, 6) for e in seen] == [e.time for e in read_events(path)]


def test_every_event_is_handed_on_at_once(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e"):
        emit("s", "x", 1)
        assert len(list(read_events(tmp_path / "e"))) == 1


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path):
        emit("s", "x", 1)
    path.write_bytes(path.read_bytes() + b'{"time": 1, "sta')
    with EventLog(path):
        emit("s", "x", 2)
    assert [e.value for e in read_events(path)] == [1.0, 2.0]


def test_values_without_a_json_form_stay_json(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e"):
        emit("s", "loss", float("nan"))
    assert json.loads((tmp_path / "e").read_text(), parse_constant=pytest.fail)["value"] == "nan"


def test_a_log_that_cannot_be_written_falls_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with EventLog(tmp_path / "file" / "e") as log:
        emit("s", "x", 1)
    assert "File exists" in log.error

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with EventLog(tmp_path / "e") as log:
        monkeypatch.setattr(events.os, "write", full)
        emit("s", "x", 1)
        monkeypatch.undo()
    assert "No space left" in log.error
    assert (tmp_path / "e").stat().st_size == 0
