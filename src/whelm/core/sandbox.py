"""Functions that read hostile input, run in killable children with limits on memory, time and output.

A child is a fresh interpreter that serves many calls (60 us each). Every call gets a share of address space above what
the child already uses (RLIMIT_AS), processor time (ITIMER_PROF) and wall clock; no call may write a file (RLIMIT_FSIZE)
or dump core. Arguments and results are JSON in both directions, never pickle: a child that a document took over can
send bytes, and nothing but bounded JSON is made of them. A call that dies in a used child is tried once more in a fresh
one, so that no result depends on what ran before. What this is not: a child may still read files of this user.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from whelm.core import errors, stop
from whelm.core.errors import DataError, LimitError, WhelmError
from whelm.core.processes import Channel, Child, ChildDiedError, FrameTooLargeError, FrameTooLateError, describe_exit

__all__ = ["Limits", "Sandbox", "SandboxError", "run_limited"]

Reason = Literal["time", "memory", "output", "crash"]

_PREPARE_S = 60.0  # importing a parser, on a busy machine and a cold disk
_MESSAGE_CHARACTERS = 2_000
_KEPT_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)


class SandboxError(LimitError):
    """A call was ended by a limit, or ended its child."""

    def __init__(self, message: str, hint: str = "", reason: Reason = "crash") -> None:
        super().__init__(message, hint)
        self.reason: Reason = reason

    def __reduce__(self) -> tuple[type[SandboxError], tuple[str, str, Reason]]:  # type: ignore[override]
        return type(self), (self.message, self.hint, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call may use."""

    memory_bytes: int = 1 << 30
    """Address space above what the child has after its imports."""
    seconds: float = 20.0
    """Processor time; the wall clock may run four times as long, for a busy machine, and a second more."""
    output_bytes: int = 64 << 20
    """Length of the result as JSON."""

    @property
    def wall_seconds(self) -> float:
        return 4 * self.seconds + 1


class Sandbox:
    """Children that run functions under limits; threads may call at once, each gets a child of its own."""

    def __init__(
        self, *, memory_bytes: int = 1 << 30, seconds: float = 20.0, output_bytes: int = 64 << 20, workers: int = 1
    ) -> None:
        self.limits = Limits(memory_bytes=memory_bytes, seconds=seconds, output_bytes=output_bytes)
        self.workers = workers
        self._idle: list[_Worker] = []
        self._closed = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, function: str, *arguments: Any, limits: Limits | None = None) -> Any:
        """The JSON result of "module:function" called with JSON arguments.

        Raises SandboxError for a limit or a crash, the WhelmError that the function raised, DataError for any other.
        """
        limits = limits or self.limits
        while True:
            worker = self._take()
            used = worker.calls > 0
            try:
                result = worker.call(function, arguments, limits)
            except SandboxError as error:
                if used and error.reason in ("memory", "crash"):
                    continue  # the child may have been spoilt by an earlier document
                raise
            finally:
                self._give(worker)
            return result

    def map(self, function: str, calls: Iterable[Sequence[Any]]) -> Iterator[Any | WhelmError]:
        """Results of many calls in their order; a WhelmError takes the place of a result, a bad file ends nothing."""

        def attempt(arguments: Sequence[Any]) -> Any | WhelmError:
            try:
                return self.run(function, *arguments)
            except WhelmError as error:
                return error

        if self.workers == 1:
            for arguments in calls:
                stop.check()
                yield attempt(arguments)
            return
        waiting: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(self.workers, "sandbox") as pool:
            try:
                for arguments in calls:
                    stop.check()
                    waiting.append(pool.submit(attempt, arguments))
                    if len(waiting) >= 4 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """End all idle children, and those at work as soon as they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().child.kill()

    def _take(self) -> _Worker:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        return _Worker()

    def _give(self, worker: _Worker) -> None:
        if worker.usable and not self._closed:
            self._idle.append(worker)
        else:
            worker.child.kill()


def run_limited(
    function: str,
    arguments: Sequence[Any],
    memory_bytes: int = 1 << 30,
    seconds: float = 20.0,
    output_bytes: int = 64 << 20,
) -> Any:
    """One call in the children that this process keeps for such calls; see `Sandbox.run`."""
    limits = Limits(memory_bytes=memory_bytes, seconds=seconds, output_bytes=output_bytes)
    return _of_this_process().run(function, *arguments, limits=limits)


_shared: Sandbox | None = None
_shared_lock = threading.Lock()


def _of_this_process() -> Sandbox:
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Sandbox()
            atexit.register(_shared.close)
        return _shared


class _Worker:
    """The parent's view of one child."""

    def __init__(self) -> None:
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        # a fixed seed: a parser that walks through a set gives the same text every time
        kept |= {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.child = Child("whelm.core.sandbox:serve", kept, quiet=True)
        self.calls = 0
        self.usable = True
        self._prepared: set[str] = set()

    def call(self, function: str, arguments: Sequence[Any], limits: Limits) -> Any:
        if function not in self._prepared:
            self._exchange({"prepare": function}, function, _PREPARE_S, 1 << 16)
            self._prepared.add(function)
        request = {
            "call": function,
            "arguments": list(arguments),
            "memory_bytes": limits.memory_bytes,
            "seconds": limits.seconds,
            "wall_seconds": limits.wall_seconds + 5,
            "output_bytes": limits.output_bytes,
        }
        self.calls += 1
        return self._exchange(request, function, limits.wall_seconds, limits.output_bytes + (1 << 16), limits)

    def _exchange(
        self, request: dict[str, Any], function: str, wall_seconds: float, most_bytes: int, limits: Limits | None = None
    ) -> Any:
        frame = json.dumps(request, allow_nan=False).encode()
        self.usable = False  # until a whole reply is here
        try:
            self.child.channel.send(frame)
            reply = self.child.channel.receive(most_bytes, time.monotonic() + wall_seconds)
        except FrameTooLateError:
            self.child.kill()
            raise _limit("time", function, limits) from None
        except FrameTooLargeError:
            self.child.kill()
            raise _limit("output", function, limits) from None
        except ChildDiedError:
            raise _explain_death(self.child.died(), function, limits) from None
        try:
            body = json.loads(reply, parse_constant=_refuse_constant)
            kind, value = body["kind"], body["value"]
            return self._accept(kind, value, function, limits)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self.usable = False
            raise SandboxError(
                f"{function}: expected a JSON reply, found something else ({type(error).__name__})",
                _HINTS["crash"],
                "crash",
            ) from None

    def _accept(self, kind: str, value: Any, function: str, limits: Limits | None) -> Any:
        if kind in ("memory", "output"):
            self.usable = kind == "output"
            raise _limit("memory" if kind == "memory" else "output", function, limits)
        self.usable = True
        if kind == "raised":
            name, message, hint = (str(part)[:_MESSAGE_CHARACTERS] for part in value)
            known = getattr(errors, name, None)
            if isinstance(known, type) and issubclass(known, WhelmError):
                raise known(message, hint)
            raise DataError(f"{name}: {message}", "the file may be damaged, or of another format than its name says")
        if kind != "fine":
            raise ValueError(kind)
        return value


_HINTS: dict[Reason, str] = {
    "time": "the file is too complex for its parser, or made to keep it busy: split or leave it out",
    "memory": "the file is too large for its parser, or made to fill memory: split or leave it out",
    "output": "the file holds more text than one document may: split it",
    "crash": "the file is damaged, or made to break its parser: leave it out, or convert it with another program",
}


def _limit(reason: Reason, function: str, limits: Limits | None) -> SandboxError:
    name = function.partition(":")[2] or function
    if limits is None:
        return SandboxError(f"{name} could not be made ready: {reason}", "the installation may be damaged", reason)
    allowed = {
        "time": f"took more than the {limits.seconds:g} s that one call may take",
        "memory": f"needs more than the {limits.memory_bytes / 1e6:,.0f} MB that one call may use",
        "output": f"gave more than the {limits.output_bytes / 1e6:,.1f} MB that one result may have",
        "crash": "ended its process",
    }
    return SandboxError(f"{name} {allowed[reason]}", _HINTS[reason], reason)


def _explain_death(status: int, function: str, limits: Limits | None) -> SandboxError:
    if -status in (signal.SIGPROF, signal.SIGXCPU, signal.SIGALRM):
        return _limit("time", function, limits)
    if -status == signal.SIGKILL:  # not by us: the system was short of memory
        return _limit("memory", function, limits)
    name = function.partition(":")[2] or function
    return SandboxError(f"{name} ended its process: {describe_exit(status)}", _HINTS["crash"], "crash")


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def serve(channel: Channel) -> None:
    """The child's side: import functions on request, call them under limits."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = os.open("/proc/self/statm", os.O_RDONLY)  # kept: opening it anew would double the cost of a call
    functions: dict[str, Callable[..., Any]] = {}
    while True:
        request = json.loads(channel.receive())
        if "prepare" in request:
            channel.send(_prepare(request["prepare"], functions))
            continue
        with _limited(request, statm):
            reply = _call(functions[request["call"]], request)
        channel.send(reply)
        if reply.startswith(b'{"kind": "memory"'):
            return  # whatever failed to get memory may be half done


def _prepare(path: str, functions: dict[str, Callable[..., Any]]) -> bytes:
    try:
        module, _, name = path.partition(":")
        functions[path] = getattr(importlib.import_module(module), name)
    except BaseException as error:
        return _reply(
            "raised",
            [
                "ConfigError",
                f"{path} cannot be imported: {type(error).__name__}: {error}",
                "the function must stand in a module, and its parser must be installed",
            ],
        )
    return _reply("fine", None)


def _call(function: Callable[..., Any], request: dict[str, Any]) -> bytes:
    try:
        body = _reply("fine", function(*request["arguments"]))
        return body if len(body) <= request["output_bytes"] + 64 else _reply("output", None)
    except MemoryError:
        return _reply("memory", None)
    except BaseException as error:
        hint = error.hint if isinstance(error, WhelmError) else ""
        text = error.message if isinstance(error, WhelmError) else _safe_text(error)
        return _reply("raised", [type(error).__name__, text[:_MESSAGE_CHARACTERS], hint])


@contextlib.contextmanager
def _limited(request: dict[str, Any], statm: int) -> Iterator[None]:
    memory = resource.getrlimit(resource.RLIMIT_AS)
    size = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = _address_space(statm) + request["memory_bytes"]
    # soft limits only: they must come off again; the timers' default action ends the process, in C code, too
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, size[1]))
    resource.setrlimit(resource.RLIMIT_AS, (most if memory[1] < 0 else min(most, memory[1]), memory[1]))
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])
    signal.setitimer(signal.ITIMER_REAL, request["wall_seconds"])  # should the parent not come to end us
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, memory)
        resource.setrlimit(resource.RLIMIT_FSIZE, size)


def _address_space(statm: int) -> int:
    return int(os.pread(statm, 64, 0).split()[0]) * resource.getpagesize()


def _reply(kind: str, value: Any) -> bytes:
    return json.dumps({"kind": kind, "value": value}, allow_nan=False).encode()


def _safe_text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return ""
