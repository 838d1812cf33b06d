"""Intervals: published values, coverage of the truth, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest

from whelm.measure.intervals import mean_interval, paired_difference, wilson


@pytest.mark.parametrize(
    # Newcombe 1998 (Statistics in Medicine 17, table I, method 3)
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_values(successes: int, n: int, low: float, high: float) -> None:
    metric = wilson(successes, n)
    assert (metric.value, metric.n) == (successes / n, n)
    assert metric.low == pytest.approx(low, abs=5e-5)
    assert metric.high == pytest.approx(high, abs=5e-5)


def test_wilson_equals_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for successes, n in [(0, 1), (1, 1), (7, 10), (50, 1000)]:
        expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        metric = wilson(successes, n)
        assert (metric.low, metric.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0, 0).low is None
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(300):
        values = np.random.default_rng(trial).exponential(size=60)
        metric = mean_interval(values, seed=trial, resamples=400)
        assert metric.low is not None and metric.high is not None
        covered += metric.low <= 1.0 <= metric.high
    assert 0.88 <= covered / 300 <= 0.98  # the percentile bootstrap of a skewed sample of 60 covers about 93%


def test_mean_interval_agrees_with_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    metric = mean_interval(values)
    error = values.std() / np.sqrt(1000)
    assert metric.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert metric.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_same_seed_same_interval() -> None:
    values = [0.0, 1.0, 1.0, 0.5]
    assert mean_interval(values, 7) == mean_interval(values, 7)
    assert mean_interval(values, 7) != mean_interval(values, 8)
    assert mean_interval([0.25]).low is None
    assert mean_interval([]).n == 0
    constant = mean_interval([0.1] * 7, unit="s")
    assert (constant.low, constant.high, constant.unit) == (pytest.approx(0.1), pytest.approx(0.1), "s")
    with pytest.raises(ValueError, match="finite"):
        mean_interval([float("nan")])


def test_clusters_widen_the_interval() -> None:
    values = np.repeat([0.0, 1.0] * 10, 20)  # 20 documents, the 20 questions of each all alike
    names = np.repeat(np.arange(20), 20)
    alone, grouped = mean_interval(values), mean_interval(values, clusters=names.tolist())
    assert alone.low is not None and alone.high is not None and grouped.low is not None and grouped.high is not None
    assert grouped.value == alone.value and grouped.n == 400
    ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(np.sqrt(20), rel=0.2)


def test_clusters_of_unequal_size() -> None:
    metric = mean_interval([1.0] * 30, clusters=[0] * 25 + [1] * 4 + [2])
    assert (metric.low, metric.value, metric.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="cluster"):
        mean_interval([1.0, 2.0], clusters=[0])


def test_paired_difference() -> None:
    random = np.random.default_rng(2)
    a = random.random(200)
    better = paired_difference(a + 0.05 + random.normal(size=200) * 0.02, a)
    assert better.difference.value == pytest.approx(0.05, abs=0.01)
    assert better.difference.low is not None and better.difference.low > 0.04
    assert 0 < better.p_value < 0.01
    same = paired_difference(a, a)
    assert (same.difference.value, same.p_value) == (0.0, 1.0)
    assert paired_difference([1.0, -1.0] * 20, np.zeros(40)).p_value > 0.9  # two-sided
    noise = [
        paired_difference(np.random.default_rng(t).normal(size=50), np.zeros(50), t, resamples=400).p_value
        for t in range(200)
    ]
    assert 0.01 <= np.mean(np.array(noise) < 0.05) <= 0.12  # as rare as it claims
    with pytest.raises(ValueError, match="match"):
        paired_difference([1.0], [1.0, 2.0])
