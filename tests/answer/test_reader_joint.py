"""The joint model: finds what was planted, gives honest probabilities, survives a round trip."""

from __future__ import annotations

import json

import numpy as np
import pytest

from whelm.answer.ablation import ablate, cross_validate
from whelm.answer.joint import JointModel, JointSample

COLUMNS = ("good", "noise")


def planted(n: int, seed: int = 0, unanswerable: float = 0.3) -> list[JointSample]:
    chance = np.random.default_rng(seed)
    samples = []
    for i in range(n):
        P = int(chance.integers(2, 7))
        rows = chance.normal(size=(P, 2)).astype(np.float32)
        golds: frozenset[int] = frozenset()
        if chance.random() >= unanswerable:
            place = int(chance.integers(P))
            rows[place, 0] += 3.0
            golds = frozenset({place})
        samples.append(JointSample(rows, chance.normal(size=1).astype(np.float32), golds, 1.0, str(i)))
    return samples


def test_it_finds_the_signal_that_counts() -> None:
    model = JointModel.fit(COLUMNS, planted(600))
    held = planted(400, seed=1)
    judged = [model.judge(s.rows, s.asked) for s in held]
    right = [int(np.argmax(j.scores)) in s.golds for j, s in zip(judged, held) if s.golds]
    assert np.mean(right) > 0.85
    assert abs(model.w[0]) > 5 * abs(model.w[1])


def test_probabilities_mean_what_they_say() -> None:
    model = JointModel.fit(COLUMNS, planted(1500))
    held = planted(1500, seed=2)
    judged = [model.judge(s.rows, s.asked) for s in held]
    answerable = np.array([j.answerable for j in judged])
    true = np.array([bool(s.golds) for s in held])
    for low, high in ((0.0, 0.4), (0.4, 0.8), (0.8, 1.0)):
        inside = (answerable >= low) & (answerable < high)
        assert inside.sum() > 30 and abs(answerable[inside].mean() - true[inside].mean()) < 0.08
    top = np.array([j.probabilities.max() for j in judged])
    hit = np.array([int(np.argmax(j.probabilities)) in s.golds for j, s in zip(judged, held)])
    assert abs(top.mean() - hit.mean()) < 0.04
    # the best passage's probability and "something answers" order questions alike
    assert (np.argsort(top, kind="stable") == np.argsort(answerable, kind="stable")).mean() > 0.95


def test_order_of_passages_does_not_matter() -> None:
    model = JointModel.fit(COLUMNS, planted(200))
    s = planted(1, seed=5)[0]
    there, back = model.judge(s.rows, s.asked), model.judge(s.rows[::-1], s.asked)
    np.testing.assert_allclose(there.probabilities, back.probabilities[::-1])
    assert there.answerable == pytest.approx(back.answerable)


def test_it_minimizes_its_loss() -> None:
    """Against plain gradient descent on the same function."""
    samples = planted(80)
    model = JointModel.fit(COLUMNS, samples, l2=3.0)
    theta = np.concatenate([model.w, model.v])

    def loss(theta: np.ndarray) -> float:
        total = 0.0
        for s in samples:
            rows = s.rows.astype(float)
            rival = np.array([[max(np.delete(rows[:, d], p)) for d in range(2)] for p in range(len(rows))])
            x = (np.concatenate([rows, rows - rival], 1) - model.mean) / model.scale
            ordered = np.sort(rows, 0)
            g = (np.concatenate([ordered[-1], ordered[-1] - ordered[-2]]) - model.none_mean) / model.none_scale
            logits = np.append(x @ theta[: x.shape[1]], np.append(g, 1.0) @ theta[x.shape[1] :])
            target = list(s.golds) or [len(rows)]
            total += np.logaddexp.reduce(logits) - logits[target].mean()
        return total + 3.0 * float((theta[:-1] ** 2).sum())

    base = loss(theta)
    chance = np.random.default_rng(0)
    assert all(loss(theta + 0.01 * chance.normal(size=len(theta))) > base for _ in range(20))


def test_a_lone_passage_and_no_unanswerable_examples() -> None:
    samples = planted(100, unanswerable=0.0)
    model = JointModel.fit(COLUMNS, samples)
    judged = model.judge(samples[0].rows[:1], samples[0].asked)
    assert np.isfinite(judged.probabilities).all() and 0 <= judged.answerable <= 1


def test_round_trip() -> None:
    model = JointModel.fit(COLUMNS, planted(100))
    again = JointModel.of(json.loads(json.dumps(model.record())))
    s = planted(1, seed=9)[0]
    np.testing.assert_array_equal(model.judge(s.rows, s.asked).scores, again.judge(s.rows, s.asked).scores)
    assert model.judge(s.rows, s.asked).answerable == again.judge(s.rows, s.asked).answerable


def test_calibration_moves_probabilities_and_keeps_the_ranking() -> None:
    model = JointModel.fit(COLUMNS, planted(400))
    shifted = model.calibrated(planted(400, seed=3, unanswerable=0.8))
    s = planted(1, seed=4)[0]
    before, after = model.judge(s.rows, s.asked), shifted.judge(s.rows, s.asked)
    np.testing.assert_array_equal(before.scores, after.scores)
    assert after.answerable < before.answerable


def test_cross_validation_sees_the_signal_and_ablation_its_loss() -> None:
    samples = [JointSample(s.rows, s.asked, s.golds, 1.0, s.group) for s in planted(300)]
    whole = cross_validate(("words", "noise"), samples)
    assert whole["right_passage"] > 0.8 and whole["refusal_auc"] > 0.7 and whole["n"] == 300
    without = ablate(("words", "noise"), samples)
    assert set(without) == {"words"} and without["words"]["right_passage"] < 0.6
