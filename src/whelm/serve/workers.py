"""A bounded pool of threads for work that holds the processor, awaited from the event loop.

`submit` hands over at once or raises Busy at once: `threads` calls run, `waiting` more may queue. A call that was
given up (its client went away, its time was over) before it began is skipped; one that runs cannot be stopped in
Python and keeps its place until it returns, so the bound holds for real work, not for promises. The threads are
daemons: a stuck call never keeps the process from ending, which concurrent.futures would.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Busy", "Workers"]

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Busy(Exception):
    """All threads work and as many calls wait as may."""


class Workers:
    """`await workers.run(function, *arguments)` in one of a few threads."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._room = threading.BoundedSemaphore(threads + waiting)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"whelm-serve-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """A future of the call's result; raises Busy where there is no room for it."""
        if not self._room.acquire(blocking=False):
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._jobs.put((loop, future, function, arguments))
        return future

    async def run(self, function: Callable[..., Any], *arguments: Any, timeout_s: float | None = None) -> Any:
        """The call's result; TimeoutError when it is not there after `timeout_s`."""
        return await asyncio.wait_for(self.submit(function, *arguments), timeout_s)

    def close(self) -> None:
        """Let each thread end after what it is doing; does not wait."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, function, arguments = job
            try:
                if future.cancelled():
                    continue
                try:
                    result, error = function(*arguments), None
                except BaseException as raised:  # carried over to whoever awaits it
                    result, error = None, raised
            finally:
                self._room.release()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, error)
            del job, future, arguments, result, error  # an answer must not live on in an idle thread


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # given up meanwhile
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration | KeyboardInterrupt | SystemExit):  # a future does not take these as they are
        future.set_exception(RuntimeError(f"{type(error).__name__} in a worker"))
    else:
        future.set_exception(error)
