"""Named randomness: a draw depends on its name alone."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.random import fraction, rng


def test_values_stay_what_they_are() -> None:
    # worked by hand: the first 53 bits of sha256(b'["split","a.md"]'); a change would move every document's split
    bits = int(hashlib.sha256(b'["split","a.md"]').hexdigest(), 16) >> (256 - 53)
    assert fraction("split", "a.md") == bits / 2**53 == 0.9673525272978074


def test_equal_names_draw_alike_and_others_do_not() -> None:
    assert rng(7, "data/split", "a").random() == rng(7, "data/split", "a").random()
    draws = {rng(*path).random() for path in [(7, "a"), (8, "a"), (7, "b"), (7, "a", ""), (7, "a", 1), (7, "a", "1")]}
    assert len(draws) == 6


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_parts_of_a_path_do_not_run_together(a: list[str], b: list[str]) -> None:
    assert (fraction(*a) == fraction(*b)) == (a == b)


def test_fractions_are_uniform() -> None:
    values = np.array([fraction("u", i) for i in range(20_000)])
    assert values.min() >= 0
    assert values.max() < 1
    counts, _ = np.histogram(values, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi square with 19 degrees of freedom, p = 0.001


def test_fraction_needs_no_numpy() -> None:
    code = "import sys, whelm.core.random as r; r.fraction('a'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
