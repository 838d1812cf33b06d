"""One tree of errors that a reader can act on; everything else that escapes is a bug of ours.

    WhelmError
    |- ConfigError          a setting has a wrong name, type or value
    |- DataError            a document, question file or data set cannot be used as it is
    |- ArtifactError        something that a run has written
    |  |- MissingError        ... is not there
    |  |- CorruptError        ... does not match its manifest
    |  `- IncompatibleError   ... was written by another version
    |- ModelError           weights or a tokenizer cannot be used
    |- LimitError           memory, disk, time or a port is not enough
    `- RemoteError          an endpoint is down, slow or answers nonsense

A message says what was expected, what was found and where; the hint says what to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

__all__ = [
    "ArtifactError",
    "ConfigError",
    "CorruptError",
    "DataError",
    "IncompatibleError",
    "LimitError",
    "MissingError",
    "ModelError",
    "RemoteError",
    "WhelmError",
    "during",
]


class WhelmError(Exception):
    """An error with a message (what was expected, found, where) and a hint (what to do)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[WhelmError], tuple[str, str]]:
        # exceptions cross process borders: the default would lose the hint
        return type(self), (self.message, self.hint)


class ConfigError(WhelmError):
    """A setting has a wrong name, type or value."""


class DataError(WhelmError):
    """A document, a question file or a data set cannot be used as it is."""


class ArtifactError(WhelmError):
    """Something that a run has written cannot be used."""


class MissingError(ArtifactError):
    """A run or an artifact is not there."""


class CorruptError(ArtifactError):
    """A file does not match the manifest that describes it."""


class IncompatibleError(ArtifactError):
    """An artifact was written by a version that this one does not read."""


class ModelError(WhelmError):
    """Weights or a tokenizer cannot be used."""


class LimitError(WhelmError):
    """Memory, disk, time or a port is not enough."""


class RemoteError(WhelmError):
    """An endpoint is down, slow or answers nonsense."""


@contextlib.contextmanager
def during(what: str, where: object = "") -> Iterator[None]:
    """Say once, on the way up, what was being done: `with during("reading shard", path): ...`."""
    try:
        yield
    except WhelmError as error:
        if not getattr(error, "context", ""):
            error.context = f"{what} {where}".strip()  # type: ignore[attr-defined]
            error.message = f"{error.message} (while {error.context})"  # type: ignore[attr-defined]
            error.args = (error.message,)
        raise
    except OSError as error:
        if error.errno == 28:
            raise LimitError(
                f"no space left on the disk while {what} {where}".strip(),
                "free some space, then run the same command again: it continues",
            ) from error
        raise
