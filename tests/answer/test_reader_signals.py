"""Signals and kinds: worked by hand, and properties that every ranking relies on."""

from __future__ import annotations

import numpy as np
import pytest

from whelm.answer.kinds import answer_kinds, kinds_in, question_signals
from whelm.answer.signals import SIGNALS, Passage, SignalReader, WordWeights, relative
from whelm.answer.spans import best_window, widen
from whelm.answer.windows import cut_window
from whelm.text.sentences import sentences

FILTER = Passage("Do this every two months. Open the flap with a coin. Up to 4 litres may come out.", "Pump filter")
CODES = Passage("E21 means that water does not drain. Clean the pump filter.", "Fault codes")
DRAWER = Passage("The drawer seal was cut too short by the supplier in 2023.", "Service bulletin")
THREE = (FILTER, CODES, DRAWER)


def reader() -> SignalReader:
    return SignalReader(WordWeights.of([(f"{p.title} {p.text}", "en") for p in THREE]), static=None)


def signal(name: str, question: str, passages: tuple[Passage, ...] = THREE) -> list[float]:
    return [float(x) for x in reader().rows(question, passages)[:, SIGNALS.index(name)]]


def test_a_rare_word_weighs_more() -> None:
    weights = WordWeights.of([("pump seal", "en"), ("pump", "en"), ("pump coin", "en")])
    assert weights("pump") < weights("seal") < weights("unheard")
    assert weights("pump") == pytest.approx(np.log(1 + 3.5 / 3.5))


def test_shares_of_words() -> None:
    assert signal("words", "drawer seal supplier") == [0.0, 0.0, 1.0]
    assert signal("words_title", "service bulletin") == [0.0, 0.0, 1.0]
    pump = signal("words", "pump filter litres")
    assert pump[0] == 1.0 and 0 < pump[1] < 1 and pump[2] == 0.0
    # the title counts for the passage, never for a sentence
    assert signal("words_sentence", "pump filter litres")[0] < 1.0


def test_what_is_missing() -> None:
    missing = signal("missing_exact", "drawer seal zeppelin")
    assert missing[2] > 0 and signal("missing_exact", "drawer seal")[2] == 0.0
    # the rarest absent word counts, not the number of absent ones
    assert missing[2] == pytest.approx(signal("missing_exact", "drawer zeppelin airship")[2])


def test_numbers_and_names() -> None:
    assert signal("numbers", "what happened in 2023?") == [-1.0, -1.0, 0.0]
    assert signal("numbers", "what happened?") == [0.0, 0.0, 0.0]
    assert signal("names", "what does E21 mean?") == [-1.0, 0.0, -1.0]


def test_the_unit_stands_by_a_number() -> None:
    assert signal("unit", "how many litres come out?") == [1.0, -1.0, -1.0]
    assert signal("unit", "why does water come out?") == [0.0, 0.0, 0.0]


def test_typos_are_forgiven() -> None:
    typos = signal("typos", "drawr suplier")
    assert typos[2] > 0.5 > typos[0] and signal("words", "drawr suplier")[2] == 0.0


@pytest.mark.parametrize("question", ["how many litres?", "E21?", "", "?", "zeppelin", "the of and", "水", "\x00"])
def test_rows_are_finite_and_follow_the_passages(question: str) -> None:
    rows = reader().rows(question, THREE)
    assert rows.shape == (3, len(SIGNALS)) and np.isfinite(rows).all()
    back = reader().rows(question, THREE[::-1])
    np.testing.assert_allclose(back[::-1], rows, atol=1e-6)


def test_odd_passages() -> None:
    for text in ("", " ", "\n\n", "x" * 5000, "a.b.c", "。"):
        assert np.isfinite(reader().rows("what is a?", (Passage(text), CODES))).all()


def test_relative_is_the_lead_over_the_best_rival() -> None:
    rows = np.array([[1.0, 5.0], [4.0, 5.0], [2.0, 0.0]], np.float32)
    np.testing.assert_allclose(relative(rows), [[-3.0, 0.0], [2.0, 0.0], [-2.0, -5.0]])
    assert not relative(rows[:1]).any()


def test_kinds() -> None:
    assert answer_kinds("How many minutes does it take?") == {"number"}
    assert answer_kinds("When was it built?") == {"date"}
    assert "person" in answer_kinds("Who owns it?") and "way" in answer_kinds("How do I open the flap?")
    assert answer_kinds("Wie viele Zeichen braucht das Kennwort?", "de") == {"number"}
    assert answer_kinds("为什么失败了?", "zh") == {"reason"}
    assert answer_kinds("pump filter") == frozenset()
    assert "number" in kinds_in("it took 12 days") and "number" not in kinds_in("it was blue")
    assert "date" in kinds_in("built in 1931") and "code" in kinds_in("type `ls`")
    assert question_signals("Is it open?")[7] == 1.0 and question_signals("What is open?")[7] == 0.0


def test_a_window_keeps_order_and_places() -> None:
    text = "First comes nothing. The pump drains water. Then nothing again. The filter is behind the flap. End."
    spans = sentences(text)
    fits = np.array([0.0, 1.0, 0.0, 0.9, 0.0], np.float32)
    window = cut_window(text, spans, fits, max_tokens=14)
    assert "pump drains" in window.text and "behind the flap" in window.text and "End" not in window.text
    for place in range(len(window.text)):
        there = window.to_passage(place)
        if window.from_passage(there) == place:
            assert text[there] == window.text[place]
    assert window.text.index("pump") == window.from_passage(text.index("pump"))
    assert window.from_passage(text.index("End")) is None
    assert window.fit_at(window.text.index("filter")) == pytest.approx(0.9)
    kept = cut_window(text, spans, fits, max_tokens=8, keep=[(text.index("End"), text.index("End") + 3)])
    assert "End." in kept.text


def test_a_short_passage_is_its_own_window() -> None:
    window = cut_window("One. Two.", [(0, 4), (5, 9)], np.ones(2, np.float32), 112)
    assert window.text == "One. Two."
    assert cut_window("no sentence", [], np.zeros(0, np.float32), 112).text == "no sentence"
    assert len(cut_window("x" * 9000, [(0, 9000)], np.ones(1, np.float32), 50).text) <= 210


def test_sentences_to_quote() -> None:
    spans = [(0, 10), (11, 20), (21, 30)]
    assert best_window(spans, np.array([0.1, 0.9, 0.2])) == (11, 20)
    assert best_window(spans, np.array([0.1, 0.9, 0.85])) == (11, 30)
    assert best_window([], np.zeros(0)) == (0, 0)
    assert widen(spans, 15, 22) == (11, 30) and widen(spans, 40, 50) == (40, 50)
