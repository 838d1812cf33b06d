"""kill -9 at any instant, then the same command: it completes, and the content is that of an undisturbed run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(what: str, folder: Path) -> dict[str, Any]:
    program = Path(__file__).with_name("crashing.py")
    done = subprocess.run([sys.executable, program, what, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_killed_before_every_single_file_operation(tmp_path: Path) -> None:
    found = run("points", tmp_path)
    assert found["wrong"] == []
    assert found["points"] > 50
    assert found["killed"] == found["points"]


def test_killed_twice_at_random_instants(tmp_path: Path) -> None:
    found = run("instants", tmp_path)
    assert found["wrong"] == []
    assert found["killed"] >= 10


def test_of_four_processes_that_want_one_key_one_builds(tmp_path: Path) -> None:
    found = run("race", tmp_path)
    assert len(found["results"]) == 4
    assert all(result == found["results"][0] for result in found["results"])
    assert found["made"] == [*(f"item {i}" for i in range(7)), *(f"step {i}" for i in range(3))]
