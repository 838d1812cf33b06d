"""Exact search, files that are what they say, and damage that is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whelm.core.errors import CorruptError, DataError
from whelm.retrieve.vectors import KEY_BYTES, VectorTable, table_names, text_key, write_table


def some_rows(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, list[bytes]]:
    rows = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), [text_key(f"text {number}") for number in range(n)]


def test_rows_come_back_under_their_keys(tmp_path: Path) -> None:
    rows, keys = some_rows(300, 12)
    write_table(tmp_path, "words-12", rows, keys)
    table = VectorTable.open(tmp_path, "words-12")
    assert table_names(tmp_path) == ["words-12"]
    assert (len(table), table.dimension) == (300, 12)
    assert table.keys == sorted(keys)
    for number, key in enumerate(keys):
        np.testing.assert_array_equal(table.matrix_ND[table.position[key]], rows[number])
    query = rows[17]
    scores = table.scores(query)
    np.testing.assert_allclose(scores[[table.position[key] for key in keys]], rows @ query, rtol=1e-5, atol=1e-6)


def test_files_depend_on_rows_alone(tmp_path: Path) -> None:
    rows, keys = some_rows(50, 4)
    order = np.random.default_rng(1).permutation(50)
    write_table(tmp_path / "a", "e", rows, keys)
    write_table(tmp_path / "b", "e", rows[order], [keys[place] for place in order])
    for name in ("e.vectors.npy", "e.keys.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path, "e", np.empty((0, 7), np.float32), [])
    table = VectorTable.open(tmp_path, "e")
    assert table.scores(np.zeros(7, np.float32)).shape == (0,)


def test_keys_name_texts() -> None:
    assert text_key("a") == text_key("a") != text_key("b")
    assert len(text_key("\ud800 any text")) == KEY_BYTES


@pytest.mark.parametrize("damage", ["cut", "text", "dtype", "rows", "pickle", "gone"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    rows, keys = some_rows(20, 4)
    write_table(tmp_path, "e", rows, keys)
    vectors = tmp_path / "e.vectors.npy"
    if damage == "cut":
        vectors.write_bytes(vectors.read_bytes()[:-9])
    elif damage == "text":
        vectors.write_text("x" * 4000)
    elif damage == "dtype":
        np.save(vectors, rows.astype(np.float64))
    elif damage == "rows":
        np.save(vectors, rows[:-1])
    elif damage == "pickle":
        np.save(vectors, np.array([{"a": 1}] * 20, object), allow_pickle=True)
    else:
        vectors.unlink()
    with pytest.raises(CorruptError):
        VectorTable.open(tmp_path, "e")


def test_misuse_is_told(tmp_path: Path) -> None:
    rows, keys = some_rows(3, 4)
    with pytest.raises(DataError, match="one row for each"):
        write_table(tmp_path, "e", rows, keys[:2])
    with pytest.raises(DataError, match="one row for each"):
        write_table(tmp_path, "e", rows, [keys[0], keys[0], keys[1]])
    with pytest.raises(DataError, match="embedder's name"):
        write_table(tmp_path, "../outside", rows, keys)
    write_table(tmp_path, "e", rows, keys)
    with pytest.raises(DataError, match="vector of 4 numbers"):
        VectorTable.open(tmp_path, "e").scores(np.zeros(5, np.float32))
