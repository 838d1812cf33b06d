"""One spelling and one sha256 for every value, file, text and table.

`canonical` reduces a value to JSON in which equal values are spelled alike and different ones differently: numbers,
truth values and text as they are, floats by their bits (`float.hex`), enums and dataclasses with their name, mappings
and sets sorted, tuples as lists. What has no stable spelling is refused: paths, devices, functions, NaN and infinities.
Invariant: `digest(a) == digest(b)` in every process and on every machine if and only if a and b say the same.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Set
from pathlib import Path, PurePath
from typing import Any

from whelm.core.errors import ConfigError

__all__ = ["canonical", "digest", "file_digest", "rows_digest", "text_digest"]


def canonical(value: Any, where: str = "value") -> Any:
    """JSON with one spelling a value; raises ConfigError that names the place of what has none."""
    if isinstance(value, enum.Enum):  # first: members of IntEnum and StrEnum are numbers and text, too
        return {"e": [type(value).__qualname__, value.name]}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"{where}: expected a finite number, found {value!r}", "give a finite number")
        return {"f": float(value).hex()}
    if isinstance(value, (bytes, bytearray)):
        return {"b": bytes(value).hex()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        body = {f.name: canonical(getattr(value, f.name), f"{where}.{f.name}") for f in dataclasses.fields(value)}
        return {"d": [type(value).__qualname__, body]}
    if isinstance(value, Mapping):
        pairs = [[canonical(k, f"{where} key"), canonical(v, f"{where}.{k}")] for k, v in value.items()]
        return {"m": sorted(pairs, key=_spell)}
    if isinstance(value, (list, tuple)):
        return {"l": [canonical(v, f"{where}[{i}]") for i, v in enumerate(value)]}
    if isinstance(value, Set):
        return {"s": sorted((canonical(v, f"{where} member") for v in value), key=_spell)}
    why = "a path: paths belong to inputs" if isinstance(value, PurePath) else "nothing with a stable spelling"
    raise ConfigError(
        f"{where}: {type(value).__name__} is {why}",
        "a configuration holds numbers, text, truth values, enums, dataclasses and collections of these; "
        "paths, devices and worker counts belong to the run options",
    )


def digest(value: Any) -> str:
    """Hex sha256 of a value's canonical form."""
    return hashlib.sha256(_spell(canonical(value)).encode()).hexdigest()


def file_digest(path: Path | str) -> str:
    """Hex sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """Hex sha256 of a text's UTF-8 bytes; lone surrogates, which odd files bring, are kept apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def rows_digest(rows: Iterable[Any]) -> str:
    """The content digest of a table: of its JSON-able rows as a multiset, whatever their order.

    For artifacts whose files differ in irrelevant ways (an index names its segments at random). Memory: 65 bytes a row.
    """
    spell = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
    return _join(hashlib.sha256(spell(row).encode()).digest() for row in rows)


def _join(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _spell(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
