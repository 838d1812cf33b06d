"""A small pipeline, killed at every step it takes on disk and at random instants, and built again.

Run as a program (`python crashing.py points|instants|race FOLDER`); prints one JSON object. It forks instead of
spawning, so that a hundred crashes take seconds; the kills are real: SIGKILL at the n-th audited file operation below
the store, and SIGALRM's default action, which like SIGKILL runs no handler, after a random time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.core.digest import rows_digest
from whelm.core.files import write_atomic
from whelm.core.stage import Context, Outcome, Stage, Store

_WATCHED = ("open", "os.", "shutil.", "fcntl.flock")
LOG = "WHELM_TEST_LOG"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartsConfig:
    items: int = 7
    batch: int = 2


def log(text: str) -> None:
    """Note that something was computed; outside the store, and whole whatever happens after."""
    with Path(os.environ[LOG]).open("a") as file:
        file.write(f"{text}\n")


def make_parts(context: Context) -> Outcome:
    """Per-item resume, a checkpoint in scratch, several files, one of them in a folder."""

    def work(items: list[int]) -> list[dict[str, Any]]:
        for item in items:
            log(f"item {item}")
        return [{"item": item, "square": item * item} for item in items]

    config = context.config
    rows = list(context.each(range(config.items), key=lambda i: ["part", i], work=work, batch=config.batch))
    checkpoint = context.scratch / "step.json"
    step = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
    for at in range(step, 3):
        log(f"step {at}")
        write_atomic(checkpoint, json.dumps(at + 1))
    (context.out / "deep").mkdir()
    (context.out / "deep" / "rows.json").write_text(json.dumps(rows))
    (context.out / "sum.txt").write_text(str(sum(row["square"] for row in rows)))
    return Outcome(counts={"rows": len(rows)})


def make_index(context: Context) -> Outcome:
    """Files that differ each time, one content digest."""
    rows = json.loads(context.inputs["parts"].file("deep/rows.json").read_text())
    random.shuffle(rows)
    (context.out / f"segment-{random.getrandbits(60)}").write_text(json.dumps(rows))
    return Outcome(content=rows_digest(rows))


PARTS = Stage("parts", make_parts)
INDEX = Stage("index", make_index)


def pipeline(root: Path, config: PartsConfig = PartsConfig()) -> dict[str, str]:
    """Builds both stages; the content digests."""
    store = Store(root)
    parts = store.build(PARTS, config)
    index = store.build(INDEX, None, {"parts": parts})
    return {"parts": parts.content, "index": index.content, "keys": f"{parts.key} {index.key}"}


def in_fork(work: Callable[[], Any]) -> tuple[int, Any]:
    """The signal that ended a forked child (0 for none) and its JSON result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None
    assert os.WEXITSTATUS(status) == 0, "the child failed"
    return 0, json.loads(text)


def count_operations(root: Path, kill_at: int = -1) -> list[int]:
    """Counts audited operations below the store from now on; kills this process before operation `kill_at`."""
    counted = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith(_WATCHED):
            return
        paths = [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike))]
        if event != "fcntl.flock" and not any(path.startswith(str(root)) for path in paths):
            return
        if counted[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        counted[0] += 1

    sys.addaudithook(hook)
    return counted


def damaged(root: Path) -> list[str]:
    """What is published and not whole."""
    store = Store(root)
    published = [store.get(key) for key in store.keys()]  # noqa: SIM118
    return [damage for artifact in published for damage in (store.verify(artifact) if artifact else ["no manifest"])]


def crashes(folder: Path, arm: Callable[[Path, int], None], trials: Iterator[int], tries: int = 1) -> dict[str, Any]:
    """For each trial: crash in a new store (`tries` times in a row), build again, compare."""
    _, expected = in_fork(lambda: pipeline(folder / "undisturbed"))
    ended, wrong = [], []
    for trial in trials:
        root = folder / f"store-{trial}"
        os.environ[LOG] = str(folder / f"log-{trial}")
        for attempt in range(tries):
            number, _ = in_fork(lambda root=root, at=trial + 1000 * attempt: (arm(root, at), pipeline(root))[1])
            ended.append(number)
            if harm := damaged(root):
                wrong.append(f"{trial}: published and damaged: {harm}")
        _, found = in_fork(lambda root=root: pipeline(root))
        if found != expected:
            wrong.append(f"{trial}: {found} instead of {expected}")
        if harm := damaged(root):
            wrong.append(f"{trial}: damaged: {harm}")
        Store(root).prune(expected["keys"].split())
        left = sorted(str(p.relative_to(root)) for name in ("work", "locks") for p in (root / name).rglob("*"))
        if [name for name in left if name.removeprefix("locks/") not in expected["keys"].split()]:
            wrong.append(f"{trial}: left behind {left}")
        again = max((Path(os.environ[LOG]).read_text().split("\n").count(f"item {i}") for i in range(7)), default=0)
        if again > 1 + tries:
            wrong.append(f"{trial}: an item was made {again} times")
    return {"trials": len(ended), "killed": sum(number != 0 for number in ended), "wrong": wrong}


def points(folder: Path) -> dict[str, Any]:
    def counted() -> int:
        operations = count_operations(folder / "counted")
        pipeline(folder / "counted")
        return operations[0]

    _, number = in_fork(counted)

    def arm(root: Path, trial: int) -> None:
        count_operations(root, kill_at=trial)

    return {**crashes(folder, arm, iter(range(number))), "points": number}


def instants(folder: Path) -> dict[str, Any]:
    def seconds(trial: int) -> float:
        began = time.perf_counter()
        in_fork(lambda: pipeline(folder / f"timed-{trial}"))
        return time.perf_counter() - began

    duration = min(map(seconds, range(3)))  # the machine may be busy: rather too early than too late

    def arm(root: Path, trial: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, duration * random.Random(trial).uniform(0.02, 0.9))

    return crashes(folder, arm, iter(range(20)), tries=2)


def race(folder: Path, processes: int = 4) -> dict[str, Any]:
    """Several processes want the same keys at the same moment."""
    go_reading, go_writing = os.pipe()
    results = []
    children = []
    for _ in range(processes):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(go_writing)
            os.read(go_reading, 1)  # all begin when the parent closes its end
            code = 1
            try:
                os.write(writing, json.dumps(pipeline(folder / "store")).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        children.append((child, reading))
    os.close(go_writing)
    for child, reading in children:
        with os.fdopen(reading) as file:
            results.append(json.loads(file.read()))
        os.waitpid(child, 0)
    made = Path(os.environ[LOG]).read_text().split("\n")
    return {"results": results, "made": sorted(line for line in made if line)}


if __name__ == "__main__":
    where = Path(sys.argv[2])
    os.environ[LOG] = str(where / "log")
    for stage in (PARTS, INDEX):
        Store(where).key(stage)  # reads all sources once, before the forks
    print(json.dumps({"points": points, "instants": instants, "race": race}[sys.argv[1]](where)))
