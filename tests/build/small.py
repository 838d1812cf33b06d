"""The small folder of these tests, and a build of it in a process of its own that can be killed at a chosen stage.

python -m tests.build.small FOLDER RUN [STAGE]      dies by SIGKILL when STAGE first speaks
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

SMALL_FOLDER = {
    "rules/leave.md": "# Annual leave\n\nEvery employee has 30 days of annual leave. Part-time staff have leave in proportion.\n\n"
    "## Carrying over\n\nUp to 5 days may be carried over until the end of March. After that they lapse.\n",
    "rules/travel.md": "# Travel expenses\n\nTrain journeys are booked in second class. A receipt is needed for every amount over 20 euros.\n\n"
    "The daily allowance is 28 euros, paid with the next salary.\n",
    "notes/heating.txt": "The boiler in the cellar is serviced each October by the Brunnwart company.\n\n"
    "When the pressure falls below 1.2 bar, water must be refilled through the blue tap.\n",
    "notes/garden.rst": "Garden\n======\n\nThe hedge is cut in late June because birds nest in it until then.\n\nTomatoes are watered every 2 days.\n",
    "software/backup.md": "# Backup\n\nBackups run every night at 02:30 and are kept for 14 days. `restore --latest` brings back the newest one.\n",
    "software/login.html": "<html><head><title>Login</title></head><body><h1>Login</h1><p>A password expires after 180 days. "
    "After five failed attempts the account is locked for 15 minutes.</p></body></html>",
}  # fmt: skip


def write_small_folder(folder: Path) -> Path:
    """All files of the small folder."""
    for name, text in SMALL_FOLDER.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """As on a machine that has no weights at all."""
    from whelm.hub import weights

    before = weights._look
    weights._look = lambda named, path: (None, [])
    try:
        yield
    finally:
        weights._look = before


def main(folder: str, run: str, stage: str = "") -> None:
    from whelm.build.assistant import build_assistant
    from whelm.build.config import BuildConfig, RunOptions
    from whelm.core import events

    def die(event: events.Event) -> None:
        if event.stage == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    if stage:
        events.subscribe(die)
    with without_weights():
        build_assistant(BuildConfig(budget_s=0), RunOptions(out=Path(run), folder=Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
