"""Calibration: against scikit-learn, against slow plain versions, and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.measure.calibration import (
    Logistic,
    auc,
    expected_calibration_error,
    fit_logistic,
    rate_above,
    reliability,
    risk_coverage,
    threshold_at,
)

SCORES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40)


@given(SCORES)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    positive = [score for score, label in rows if label]
    negative = [score for score, label in rows if not label]
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    expected = sum(pairs) / len(pairs) if pairs else 0.5
    assert auc([score for score, _ in rows], [label for _, label in rows]) == pytest.approx(expected, abs=1e-12)


def test_auc_equals_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    labels = random.random(2000) < 0.3
    scores = np.round(random.normal(size=2000) + labels, 1)  # many ties
    assert auc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("l2", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_equals_scikit_learn(l2: float, weighted: bool) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    x_ND = random.normal(size=(400, 5)) * [1, 100, 0.01, 3, 1] + [0, 5000, 0, -2, 0]
    y_N = random.random(400) < 1 / (1 + np.exp(-(x_ND[:, 0] + 0.01 * (x_ND[:, 1] - 5000) - 1)))
    s_N = random.random(400) * 3 if weighted else np.ones(400)
    ours = fit_logistic(x_ND, y_N, l2, s_N if weighted else None)
    mean = np.average(x_ND, axis=0, weights=s_N)
    scale = np.sqrt(np.average((x_ND - mean) ** 2, axis=0, weights=s_N))
    theirs = linear_model.LogisticRegression(C=1 / l2, tol=1e-10, max_iter=2000)
    theirs.fit((x_ND - mean) / scale, y_N, sample_weight=s_N)
    np.testing.assert_allclose(ours.weights, theirs.coef_[0], rtol=1e-4, atol=1e-5)
    assert ours.bias == pytest.approx(theirs.intercept_[0], rel=1e-4, abs=1e-5)
    expected = theirs.predict_proba((x_ND - mean) / scale)[:, 1]
    np.testing.assert_allclose(ours.probability(x_ND), expected, atol=1e-5)


def test_logistic_in_hard_cases() -> None:
    separable = fit_logistic([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], l2=1e-3)
    assert np.all(np.isfinite(separable.weights))
    assert separable.probability([[0.0], [3.0]]).round(2).tolist() == [0.0, 1.0]
    constant = fit_logistic([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]], [0, 1, 1])
    assert abs(constant.weights[0]) < 1e-12
    one_class = fit_logistic([[1.0], [2.0]], [1, 1])
    assert one_class.probability([[1.5]])[0] > 0.99
    # a row of weight 3 counts as three rows
    x, y = [[0.0], [1.0], [2.0], [5.0]], [0, 1, 0, 1]
    heavy = fit_logistic(x, y, sample_weight=[1, 3, 1, 1])
    repeated = fit_logistic([*x, [1.0], [1.0]], [*y, 1, 1])
    np.testing.assert_allclose(heavy.probability(x), repeated.probability(x), atol=1e-9)
    extreme = Logistic(np.array([1.0]), 0.0, np.array([0.0]), np.array([1.0])).probability([[1e6], [-1e6]])
    assert extreme.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("x", "y", "l2"),
    [([[1.0]], [2], 1.0), ([[np.nan]], [1], 1.0), ([], [], 1.0), ([[1.0], [2.0]], [0], 1.0), ([[1.0]], [1], 0.0)],
)
def test_logistic_refuses(x: list[list[float]], y: list[int], l2: float) -> None:
    with pytest.raises(ValueError, match=r"expected|must"):
        fit_logistic(x, y, l2)


def test_logistic_survives_json() -> None:
    model = fit_logistic([[0.0, 1.0], [1.0, 5.0], [2.0, 2.0]], [0, 1, 1])
    again = Logistic.of(json.loads(json.dumps(model.record())))
    assert again.probability([[0.3, 0.4]]).tolist() == model.probability([[0.3, 0.4]]).tolist()
    with pytest.raises(ValueError, match="columns"):
        model.probability([[1.0]])
    with pytest.raises(ValueError, match="differ in shape"):
        Logistic.of({"weights": [1.0, 2.0], "bias": 0.0, "mean": [0.0], "scale": [1.0]})


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.99]))
def test_threshold_refuses_as_many_as_allowed_and_no_more(scores: list[int], rate: float) -> None:
    threshold = threshold_at(scores, rate)
    assert sum(score < threshold for score in scores) <= rate * len(scores) + 1e-9
    higher = [score for score in scores if score > threshold]
    if higher:  # the next larger threshold would refuse too many
        assert sum(score < min(higher) for score in scores) > rate * len(scores)


def test_threshold_by_hand() -> None:
    scores = [i / 20 for i in range(20)]
    assert threshold_at(scores, 0.05) == 1 / 20
    assert threshold_at(scores, 0.0) == 0.0
    assert threshold_at(scores, 1.0) == np.inf
    assert threshold_at(range(100), 0.29) == 29  # 0.29 * 100 is a hair below 29
    assert threshold_at([], 0.05) == -np.inf
    assert rate_above(scores, 0.5) == 0.5
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(scores, 5)


def test_risk_coverage_by_hand() -> None:
    coverage, risk, threshold = risk_coverage([0.9, 0.8, 0.8, 0.1], [1, 0, 1, 0])
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0.0, 1 / 3, 0.5])
    assert threshold.tolist() == [0.9, 0.8, 0.1]
    assert all(len(part) == 0 for part in risk_coverage([], []))


def test_expected_calibration_error() -> None:
    random = np.random.default_rng(1)
    p = random.random(20_000)
    labels = random.random(20_000) < p
    assert expected_calibration_error(p, labels) < 0.02
    assert expected_calibration_error(np.ones(10), np.zeros(10)) == 1.0
    assert expected_calibration_error([], []) == 0.0
    assert expected_calibration_error([0.2, 0.8], [0, 1], bins=2) == pytest.approx(0.2)
    assert [number for _, _, number in reliability(p, labels, 7)] == pytest.approx([20_000 / 7] * 7, abs=1)
    with pytest.raises(ValueError, match="finite"):
        auc([np.nan], [1])
    with pytest.raises(ValueError, match="0 or 1"):
        auc([0.5], [2])
