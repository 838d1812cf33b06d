"""How sure are we? 95% intervals of means, shares and paired differences.

    mean      percentile bootstrap (Efron 1979): the 2.5% and 97.5% points of the means of 2,000 resamples
    share     Wilson 1927: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), sound for small n and p near 0, 1
    paired    bootstrap of the differences on the same questions, and the share of resamples on the other side of 0
    clusters  whole clusters (documents, sets) are drawn, where questions of one document are not independent

The same values and seed give the same interval, wherever and whenever it is computed. Cost: O(n x resamples).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whelm.core.random import rng
from whelm.core.types import Metric

__all__ = ["PairedDifference", "mean_interval", "paired_difference", "wilson"]

_BLOCK = 4_000_000  # index cells a block of resamples may hold: 32 MB


class PairedDifference(NamedTuple):
    """Mean of a - b with its interval; `p_value` is the two-sided bootstrap one, against no difference."""

    difference: Metric
    p_value: float


def mean_interval(
    values: ArrayLike,
    seed: int = 0,
    *,
    unit: str = "",
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
) -> Metric:
    """The mean of `values` with its bootstrap interval; `clusters` names the group of each value, if grouped."""
    sums, sizes = _grouped(_finite(values), clusters)
    n = int(sizes.sum())
    if n == 0:
        return Metric(value=0.0, low=None, high=None, n=0, unit=unit)
    mean = float(sums.sum() / n)
    if len(sums) < 2:
        return Metric(value=mean, low=None, high=None, n=n, unit=unit)
    low, high = np.quantile(_resampled_means(sums, sizes, seed, resamples), [(1 - level) / 2, (1 + level) / 2])
    # a skewed sample can push both ends past the mean by a rounding error
    return Metric(value=mean, low=min(float(low), mean), high=max(float(high), mean), n=n, unit=unit)


def wilson(successes: float, n: int, *, level: float = 0.95, unit: str = "") -> Metric:
    """The share successes / n with Wilson's score interval."""
    if n < 0 or not 0 <= successes <= n:
        raise ValueError(f"expected 0 <= successes <= n, found {successes} of {n}")
    if n == 0:
        return Metric(value=0.0, low=None, high=None, n=0, unit=unit)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == n else middle + half
    return Metric(value=share, low=low, high=high, n=n, unit=unit)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    seed: int = 0,
    *,
    unit: str = "",
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 2000,
) -> PairedDifference:
    """Mean of a - b, values of the same questions in the same order."""
    first, second = _finite(a), _finite(b)
    if first.shape != second.shape:
        raise ValueError(f"paired values must match: found {len(first)} and {len(second)}")
    differences = first - second
    metric = mean_interval(differences, seed, unit=unit, clusters=clusters, resamples=resamples)
    sums, sizes = _grouped(differences, clusters)
    if len(sums) < 2 or not np.any(sums):
        return PairedDifference(metric, 1.0)
    means = _resampled_means(sums, sizes, seed, resamples)
    # half of the ties each side; + 1 so that no finite sample ever claims p = 0
    below = np.count_nonzero(means < 0) + 0.5 * np.count_nonzero(means == 0)
    tail = min(below, resamples - below)
    return PairedDifference(metric, min(1.0, 2 * (tail + 1) / (resamples + 1)))


def _resampled_means(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], seed: int, resamples: int
) -> NDArray[np.float64]:
    groups = len(sums)
    random = rng(seed, "measure/bootstrap")
    block = max(1, _BLOCK // groups)
    means = []
    for begin in range(0, resamples, block):
        rows = random.integers(0, groups, size=(min(block, resamples - begin), groups))
        means.append(sums[rows].sum(axis=1) / sizes[rows].sum(axis=1))
    return np.concatenate(means)


def _grouped(
    values: NDArray[np.float64], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sum, number) of the values of each group; without clusters each value is its own."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(f"one cluster a value is needed: found {len(clusters)} for {len(values)}")
    order: dict[Hashable, int] = {}
    which = np.array([order.setdefault(name, len(order)) for name in clusters], dtype=np.intp)
    return (
        np.bincount(which, weights=values, minlength=len(order)).astype(np.float64),
        np.bincount(which, minlength=len(order)).astype(np.float64),
    )


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if not np.all(np.isfinite(array)):
        raise ValueError("values must be finite: found NaN or infinity")
    return array
