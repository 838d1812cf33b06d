"""The event stream as lines and bars; time is what the events say, so nothing here waits."""

from __future__ import annotations

import io

import pytest

from whelm.cli.progress import Plain, StageProgress, duration, watching
from whelm.core import events
from whelm.core.types import Event


def work(stage: str, name: str, value: float | str, at: float, unit: str = "files") -> Event:
    return Event(at, stage, 0, name, value, unit)


def test_rate_and_time_left_by_hand() -> None:
    stage = StageProgress("documents", 100.0)
    for event in (work("", "total", 100, 100), work("", "progress", 20, 100), work("", "progress", 60, 110)):
        stage.update(event)
    assert stage.rate == 4.0, "20 of them were there from an earlier run: no speed of this one"
    assert stage.seconds_left == 10.0
    stage.update(Event(110, "", 5, "loss", 0.51234, "nats"))
    assert stage.line() == "documents: 60 of 100 files (60%), 4 files/s, about 10 s left, loss 0.5123 nats"


def test_unknown_totals_and_odd_events_are_no_trouble() -> None:
    stage = StageProgress("x\x1b", 0.0)
    assert stage.line() == r"x\x1b: begun"
    stage.update(work("", "progress", 0, 0))
    stage.update(work("", "total", 0, 0))
    assert stage.finished and "0 of 0 files (100%)" in stage.line()
    stage.update(work("", "damaged", "a \x1b name", 1, ""))
    assert r"damaged a \x1b name" in stage.line()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_come_every_few_seconds_and_at_the_end_of_a_stage() -> None:
    stream = io.StringIO()
    plain = Plain(stream, interval_s=5.0)
    plain(work("index", "total", 1000, 0))
    for step in range(1000):
        plain(work("index", "progress", step + 1, 0.01 * (step + 1)))
    plain(work("reader", "total", 10, 11))
    plain(work("reader", "progress", 1, 12))
    plain.close()
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["index", "index", "reader"]
    assert "500 of 1,000" in lines[0] and "left" in lines[0]
    assert "1,000 of 1,000 files (100%)" in lines[1] and "left" not in lines[1]
    assert "1 of 10" in lines[2], "what it had reached when it ended"


def test_a_closed_stderr_does_not_end_the_work() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    plain = Plain(Closed(), interval_s=0.0)
    plain(work("index", "progress", 1, 1))


@pytest.mark.parametrize("quiet", [False, True])
def test_watching_listens_while_it_lasts(quiet: bool) -> None:
    stream = io.StringIO()
    with watching(quiet, stream):
        events.emit("index", "total", 1, "files")
        events.emit("index", "progress", 1, "files")
    events.emit("late", "progress", 1, "files")
    assert stream.getvalue() == ("" if quiet else "index: 1 of 1 files (100%)\n")


def test_bars_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with watching(stream=stream):
        events.emit("[red]index", "total", 4, "files")
        events.emit("[red]index", "progress", 0, "files")
        events.emit("[red]index", "progress", 4, "files")
    assert "[red]index" in stream.getvalue(), "a name is text, not markup"
    assert "4 of 4 files (100%)" in stream.getvalue()
