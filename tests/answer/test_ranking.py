"""The final order: features by hand, a fit that finds what decides, a prior that few questions cannot move."""

from __future__ import annotations

import numpy as np
import pytest

from whelm.answer.ranking import FEATURES, PRIOR, FinalRanking, RankingSample, features, fit_ranking, lifted
from whelm.core.types import Document


def test_features_by_hand() -> None:
    documents = [Document("a", "", "os.path.join"), Document("b", "", "How to join paths")]
    words = [frozenset({"join"}), frozenset({"join", "path"})]
    rows = features(frozenset({"join"}), np.array([0.5, 0.25]), np.array([2.0, 4.0]), {"a": 0.7}, documents, words)
    assert rows[0].tolist() == [0.0, 0.5, 0.5, 0.7, 2.0, 1.0, 0.0]
    assert rows[1].tolist() == [0.0, 0.25, 1.0, 0.0, 0.0, 0.5, 0.0]


def test_without_questions_the_prior_stands() -> None:
    assert fit_ranking([]).weights == pytest.approx(PRIOR)


def test_a_fit_finds_the_feature_that_decides() -> None:
    random = np.random.default_rng(0)
    place = FEATURES.index("text")
    samples = []
    for _ in range(200):
        rows = random.normal(size=(6, len(FEATURES)))
        right = np.zeros(6, bool)
        right[int(np.argmax(rows[:, place]))] = True
        samples.append(RankingSample(rows, right))
    wide = fit_ranking(samples, prior=(0.0,) * len(FEATURES)).named()
    assert wide["text"] > 3 * max(abs(w) for name, w in wide.items() if name != "text")
    little = fit_ranking([RankingSample(s.rows, s.right, 1e-6) for s in samples])
    assert little.weights == pytest.approx(PRIOR, abs=0.15)


def test_it_survives_hostile_scales_and_is_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = np.full((3, len(FEATURES)), 1e3)
    rows[0] = -1e3
    fitted = fit_ranking([RankingSample(rows, np.array([True, False, True]))])
    assert np.isfinite(fitted.weights).all()
    fitted.save(tmp_path / "ranking.json")
    assert FinalRanking.load(tmp_path / "ranking.json") == fitted


def test_documents_stand_in_the_order_of_the_sum_of_their_candidates() -> None:
    scores = np.array([2.0, 1.9, 1.8, 2.1])
    names = ["several", "several", "several", "single"]
    raised = lifted(scores, names)
    assert raised[3] == 2.1 and np.argmax(raised) == 0
    # within one document nothing moves, and its best is the logarithm of its sum
    assert np.allclose(raised[:3] - raised[0], scores[:3] - scores[0])
    assert np.isclose(raised[0], np.log(np.exp(scores[:3]).sum()))


def test_a_file_that_lacks_a_feature_takes_the_prior_for_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ranking.json").write_text('{"reader": 0.5, "cosine": 9.0}')
    assert FinalRanking.load(tmp_path / "ranking.json").weights == (0.5, 9.0, *PRIOR[2:])
