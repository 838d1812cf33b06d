"""One spelling a value: equal values alike, different ones apart, in every process."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.digest import canonical, digest, file_digest, rows_digest, text_digest
from whelm.core.errors import ConfigError


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    rate: float = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outer:
    name: str = "x"
    inner: Inner = Inner()
    sizes: tuple[int, ...] = (1, 2)
    mode: Mode = Mode.FAST


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Twin:
    rate: float = 0.1


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
scalars |= st.binary(max_size=8) | st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW, Mode.FAST])
hashables = scalars | st.frozensets(scalars, max_size=3)
values = st.recursive(
    hashables, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hashables, inner, max_size=4), max_leaves=12
)


def same(a: Any, b: Any) -> bool:
    """Slow truth: equal in type and value, lists as they are, sets and mappings whatever their order."""
    if isinstance(a, enum.Enum) or isinstance(b, enum.Enum):
        return a is b
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return len(a) == len(b) and all(any(same(k, q) and same(v, b[q]) for q in b) for k, v in a.items())
    if isinstance(a, frozenset):
        return len(a) == len(b) and all(any(same(x, y) for y in b) for x in a)
    return bool(a == b)


@given(values, values)
def test_digests_are_equal_exactly_for_equal_values(a: Any, b: Any) -> None:
    assert (digest(a) == digest(b)) == same(a, b)


@given(values)
def test_canonical_is_json_and_says_the_same_after_a_round_trip(value: Any) -> None:
    spelled = canonical(value)
    assert json.loads(json.dumps(spelled, allow_nan=False)) == spelled


@given(st.lists(st.tuples(st.text(), st.integers()), unique_by=lambda pair: pair[0], max_size=6), st.randoms())
def test_order_of_keys_and_members_does_not_count(pairs: list[tuple[str, int]], random: Any) -> None:
    mixed = list(pairs)
    random.shuffle(mixed)
    assert digest(dict(pairs)) == digest(dict(mixed))
    assert digest({k for k, _ in pairs}) == digest(frozenset(k for k, _ in mixed))


@pytest.mark.parametrize(
    "apart",
    [
        (1, 1.0, True, "1", b"1", Colour.RED, Level.LOW),
        (0.0, -0.0, 0, False, None, "", [], {}, frozenset()),
        ("fast", Mode.FAST),
        (Inner(), Twin(), {"rate": 0.1}, [0.1]),
        (0.1, math.nextafter(0.1, 1)),
        ([1, [2]], [[1], 2]),
    ],
)
def test_kinds_are_kept_apart(apart: tuple[Any, ...]) -> None:
    assert len({digest(value) for value in apart}) == len(apart)


def test_tuples_and_lists_are_one_and_nested_fields_count() -> None:
    assert digest((1, 2)) == digest([1, 2])
    assert digest(Outer()) == digest(Outer(sizes=(1, 2)))
    assert digest(Outer()) != digest(Outer(inner=Inner(rate=0.2)))


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (Path("x"), "config"),
        ({"a": [1, Path("x")]}, r"config\.a\[1\]"),
        (float("nan"), "config"),
        (Outer(inner=Inner(rate=math.inf)), r"config\.inner\.rate"),
        (print, "config"),
        (object(), "config"),
    ],
)
def test_what_has_no_stable_spelling_is_refused_with_its_place(bad: Any, where: str) -> None:
    with pytest.raises(ConfigError, match=f"^{where}: ") as caught:
        canonical(bad, "config")
    assert caught.value.hint


def test_digests_do_not_depend_on_the_process() -> None:
    code = "from whelm.core.digest import digest; print(digest({'a': {'x', 'y', 'z', 'w'}, 'b': 1.5}))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] == digest({"a": {"x", "y", "z", "w"}, "b": 1.5}) + "\n"


rows = st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2), max_size=6)


@given(rows, rows)
def test_rows_are_a_multiset(a: list[Any], b: list[Any]) -> None:
    spell = lambda rows: sorted(json.dumps(row, sort_keys=True) for row in rows)  # noqa: E731
    assert (rows_digest(iter(a)) == rows_digest(b)) == (spell(a) == spell(b))


def test_files_and_texts(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("grün".encode())
    assert file_digest(tmp_path / "a") == text_digest("grün")
    assert text_digest("\ud800") != text_digest("\ud801")
