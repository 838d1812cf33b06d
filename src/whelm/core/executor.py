"""Where work runs: in this process, or spread over spawned ones; the same results in the same order.

`map(function, items)` is lazy on both sides: it holds at most a few items ahead of what is taken from it, so a stream
of any length passes. A WhelmError of the function arrives with its hint, any other error with the worker's traceback
as a note, the death of a worker as a LimitError that names the item. Events that the function emits reach this
process's readers. Between items a requested stop raises `Interrupted`. Cost: 60 us an item, 0.1 s to start a worker.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

from whelm.core import events, stop
from whelm.core.device import threads
from whelm.core.errors import ConfigError, LimitError, WhelmError
from whelm.core.processes import Channel, Child, ChildDiedError, describe_exit, wait_readable

__all__ = ["Executor", "InProcess", "ProcessPool"]

Item = TypeVar("Item")
Made = TypeVar("Made")
_AHEAD = 4  # results that may wait for the one before them, a worker


class Executor(Protocol):
    """Applies a function to items; results in the items' order."""

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]: ...


class InProcess:
    """One item after the other, here."""

    def __enter__(self) -> InProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """The function's results, in order."""
        for item in items:
            stop.check()
            yield function(item)

    def close(self) -> None:
        """Nothing to give back."""


class ProcessPool:
    """Items spread over spawned processes, which live until the pool is closed.

    The function and the items are pickled to the workers and the results back: they are our own code on both sides.
    The function must stand in a module; workers import it there.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers if workers is not None else threads()
        if self.workers < 1:
            raise ConfigError(f"workers: expected at least 1, found {workers}", "leave it out to use every processor")
        self._idle: list[Child] = []

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """The function's results, in order; the workers run ahead by a bounded number of items."""
        if getattr(function, "__module__", "") == "__main__":
            raise ConfigError(
                f"{function!r} cannot run in another process: it stands in the main program",
                "move it into a module that can be imported",
            )
        pickled = pickle.dumps(function)
        source = enumerate(items)
        busy: dict[int, tuple[Child, int]] = {}  # reading end -> child and number of its item
        ready: dict[int, Any] = {}
        mine: list[Child] = []
        pending: deque[int] = deque()  # item numbers that are sent and not yet yielded
        more = True
        try:
            while more or pending:
                stop.check()
                while more and len(busy) < self.workers and len(pending) < self.workers * _AHEAD:
                    numbered = next(source, None)
                    if numbered is None:
                        more = False
                        break
                    child = self._send(mine, pickled, numbered)
                    busy[child.channel.reading] = (child, numbered[0])
                    pending.append(numbered[0])
                while pending and pending[0] in ready:
                    result = ready.pop(pending.popleft())
                    if isinstance(result, _Failure):  # in its turn, as in process: what was before it has been yielded
                        raise result.error
                    yield result
                if busy and not (pending and pending[0] in ready):
                    for end in wait_readable(list(busy)):
                        child, number = busy.pop(end)
                        try:
                            ready[number] = _receive(child)
                            mine.append(child)
                        except ChildDiedError:
                            ready[number] = _death(child.died(), number)
        finally:
            # an abandoned or failed map: what still works on it cannot be asked to stop
            for child, _ in busy.values():
                child.kill()
            self._idle += mine

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            self._idle.pop().close()

    def _send(self, mine: list[Child], function: bytes, numbered: tuple[int, Any]) -> Child:
        """Give an item to a worker that knows the function."""
        body = b"i" + pickle.dumps(numbered[1])
        while mine:
            child = mine.pop()
            with contextlib.suppress(ChildDiedError):
                child.channel.send(body)
                return child
            child.died()
        while True:
            fresh = not self._idle
            child = Child("whelm.core.executor:serve", self._environment()) if fresh else self._idle.pop()
            try:
                child.channel.send(b"f" + function)
                child.channel.send(body)
                return child
            except ChildDiedError:
                status = child.died()
                if fresh:
                    raise LimitError(f"a worker process could not start: {describe_exit(status)}", _HINT) from None

    def _environment(self) -> dict[str, str]:
        # workers share the processors: each with as many threads as there are processors would only wait
        share = str(max(1, threads() // self.workers))
        return {
            **os.environ,
            "OMP_NUM_THREADS": share,
            "MKL_NUM_THREADS": share,
            "OPENBLAS_NUM_THREADS": share,
            "RAYON_NUM_THREADS": share,
        }


_HINT = "often memory is short: use fewer workers, or smaller batches"


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


def _receive(child: Child) -> Any:
    fine, value, told = pickle.loads(child.channel.receive())  # our own worker, running our own function
    for event in told:
        events.send(event)
    return value if fine else _Failure(value)


def _death(status: int, number: int) -> _Failure:
    return _Failure(LimitError(f"a worker process died at item {number}: {describe_exit(status)}", _HINT))


def serve(channel: Channel) -> None:
    """The worker's side: a function, then items for it."""
    told: list[Any] = []
    events.subscribe(told.append)
    function: Callable[[Any], Any] | None = None
    broken: BaseException | None = None
    while True:
        frame = channel.receive()
        if frame[:1] == b"f":
            try:
                function, broken = pickle.loads(frame[1:]), None
            except BaseException as error:
                broken = error
            continue
        told.clear()
        try:
            if broken is not None or function is None:
                raise broken or RuntimeError("no function")
            reply = pickle.dumps((True, function(pickle.loads(frame[1:])), told))
        except BaseException as error:
            reply = _failure(error, told)
        channel.send(reply)


def _failure(error: BaseException, told: list[Any]) -> bytes:
    text = "".join(traceback.format_exception(error))
    if not isinstance(error, WhelmError):
        error.add_note(f"in a worker process:\n{text}")
    try:
        reply = pickle.dumps((False, error, told))
        pickle.loads(reply)  # some exceptions can be written but not read
        return reply
    except BaseException:
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__} in a worker process:\n{text}"), told))
