"""What every reader returns and how it declines: `Extract`, `Declined`, and the limits that bound both.

Kept free of other imports: readers of untrusted formats are loaded in a fresh child process, where start-up counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Declined", "Extract", "Limits", "megabytes"]


class Declined(Exception):
    """A file that gives no text: what became of it (one word) and why."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on what one file may cost."""

    file_bytes: int = 64 << 20
    """largest file, and largest text that a compressed file may hold"""
    seconds: float = 30.0
    """longest time that reading one untrusted file may take"""
    memory_bytes: int = 1536 << 20
    """address space of the process that reads untrusted files"""
    ratio: int = 200
    """a compressed file that grows by more than this factor, past 8 MB, is taken for a bomb"""
    rows: int = 200_000
    """documents that one table may give"""


@dataclass(slots=True)
class Extract:
    """A text of a file; `key` names it where a file gives several."""

    text: str
    title: str = ""
    key: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    page_starts: list[int] = field(default_factory=list)
    note: str = ""  # what was odd about it, for the ledger

    def record(self) -> dict[str, Any]:
        """The form that crosses the process border."""
        return asdict(self)


def megabytes(size: int) -> str:
    """`"208 MB"`, for reasons."""
    return f"{size / 1e6:,.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
