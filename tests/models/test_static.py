"""Static vectors by hand and against the obvious loop; wordllama's own code is the peer in tests/hub."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.errors import ModelError
from whelm.models.static import StaticVectors, normalize_rows

_TABLE = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float16)


def test_by_hand() -> None:
    vectors = StaticVectors(np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]], np.float32))
    found = vectors.embed([[0], [0, 1, 1], [0, 2], []])
    length = np.hypot(1, 4)
    assert np.allclose(found, [[1, 0], [1 / length, 4 / length], [0, 0], [0, 0]])
    assert found.dtype == np.float32
    assert (vectors.vocab_size, vectors.width) == (3, 2)
    assert vectors.embed([]).shape == (0, 2)


@given(st.lists(st.lists(st.integers(0, 19), max_size=1500), max_size=6))
def test_equals_the_obvious_loop(ids: list[list[int]]) -> None:
    found = StaticVectors(_TABLE).embed([np.array(one, dtype=np.int64) for one in ids])
    for one, row in zip(ids, found, strict=True):
        mean = _TABLE[one].astype(np.float64).mean(0) if one else np.zeros(6)
        expected = mean / (np.linalg.norm(mean) or 1.0)
        assert np.abs(row - expected).max() < 1e-5


@pytest.mark.parametrize("length", [511, 512, 513, 1024, 1500])  # rows are gathered 512 at a time
def test_long_texts_count_every_token(length: int) -> None:
    ids = np.random.default_rng(length).integers(0, 20, length)
    mean = _TABLE[ids].astype(np.float64).mean(0)
    assert np.abs(StaticVectors(_TABLE).embed([ids])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_ids_of_other_vectors_are_refused() -> None:
    for ids in ([20], [3, -1]):
        with pytest.raises(ModelError, match=r"0\.\.19"):
            StaticVectors(_TABLE).embed([[1, 2], ids])
    with pytest.raises(ModelError, match=r"\[V, D\]"):
        StaticVectors(np.zeros(3, np.float32))


def test_normalize_rows_leaves_zero_rows() -> None:
    assert normalize_rows(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).tolist() == pytest.approx(
        np.array([[0.6, 0.8], [0.0, 0.0]])
    )
