"""Text metrics against SQuAD's official script (kept here in its published form), and where they go beyond it."""

from __future__ import annotations

import collections
import gzip
import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.measure.text import best_over, exact_match, normalize_answer, token_f1


def official_normalize(text: str) -> str:
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def official_f1(reference: str, prediction: str) -> float:
    gold, guess = official_normalize(reference).split(), official_normalize(prediction).split()
    common = collections.Counter(gold) & collections.Counter(guess)
    same = sum(common.values())
    if len(gold) == 0 or len(guess) == 0:
        return int(gold == guess)
    if same == 0:
        return 0
    precision, recall = same / len(guess), same / len(gold)
    return (2 * precision * recall) / (precision + recall)


ASCII = st.text(st.sampled_from("ab theAnX .,-'$+1"), max_size=30)


@given(ASCII, ASCII)
def test_english_ascii_is_the_official_script(prediction: str, reference: str) -> None:
    assert normalize_answer(prediction) == official_normalize(prediction)
    assert token_f1(prediction, reference) == pytest.approx(official_f1(reference, prediction))
    assert exact_match(prediction, reference) == float(official_normalize(prediction) == official_normalize(reference))
    assert token_f1(prediction, reference) == pytest.approx(token_f1(reference, prediction))


def test_by_hand() -> None:
    assert exact_match("The  Eiffel Tower.", "eiffel tower") == 1.0
    assert token_f1("in the year 1889", "1889") == pytest.approx(2 * (1 / 3) * 1 / (1 / 3 + 1))
    assert token_f1("", "") == 1.0
    assert token_f1("the", "") == 1.0
    assert token_f1("x", "") == 0.0
    assert best_over("Paris", ["London", "paris!"]) == (1.0, 1.0)
    assert best_over("Paris", []) == (0.0, 0.0)
    assert best_over("", []) == (1.0, 1.0)


def test_other_languages_and_scripts() -> None:
    assert normalize_answer("Der “A”-Zug", "de") == "der azug"  # no English articles dropped
    assert normalize_answer("a «mode»", "fr") == "a mode"
    assert token_f1("北京大学", "北京", "zh") == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert exact_match("北京，大学。", "北京大学", "zh") == 1.0
    assert token_f1("iPhone 15を買う", "iphone 15", "ja") == pytest.approx(2 * (2 / 5) / (2 / 5 + 1))
    assert token_f1("한국어 책", "한국어 사전", "ko") == 0.5  # Korean has spaces: by word
    assert exact_match("ＡＢＣ", "abc", "zh") == 1.0
    assert exact_match("ten €", "ten") == 0.0  # symbols outside of ASCII stay, as in the official script


def test_real_answers(shared: Path) -> None:
    rows = json.loads(gzip.decompress((shared / "data/xquad/xquad.en.json.gz").read_bytes()))["data"]
    answers = [a["text"] for r in rows for p in r["paragraphs"] for q in p["qas"] for a in q["answers"]]
    assert len(answers) > 1000
    for answer, other in zip(answers, answers[1:] + answers[:1], strict=True):
        if answer.isascii() and other.isascii():
            assert token_f1(answer, other) == pytest.approx(official_f1(other, answer))
