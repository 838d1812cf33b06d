"""Which sentences are quoted."""

from __future__ import annotations

import numpy as np

from whelm.answer.quotes import Quotable, choose_quotes
from whelm.text.sentences import sentences


def _passage(text: str, fits: list[float], score: float = 0.0, headings: tuple[str, ...] = ()) -> Quotable:
    spans = sentences(text)
    assert len(spans) == len(fits), [text[a:b] for a, b in spans]
    return Quotable(text, frozenset(h.casefold() for h in headings), spans, np.array(fits, np.float32), score)


def _said(passages: list[Quotable]) -> list[tuple[int, str]]:
    return [(place, passages[place].text[start:end]) for place, start, end in choose_quotes(passages)]


def test_the_best_passage_speaks_first_and_spans_are_verbatim() -> None:
    first = _passage("The office opens at nine. Lunch is at noon. The cat is called Miez.", [0.2, 0.9, 0.1], 2.0)
    second = _passage("Lunch was moved to one o'clock in May. Nobody minded this at all.", [0.95, 0.0], 1.5)
    said = _said([first, second])
    assert said[0][0] == 0 and "Lunch is at noon." in said[0][1]
    assert (1, "Lunch was moved to one o'clock in May.") in said


def test_a_passage_far_behind_is_not_quoted() -> None:
    first = _passage("Lunch is at noon every day. The cat is called Miez here.", [0.9, 0.1], 9.0)
    second = _passage("Lunch was moved to one o'clock in May. Nobody minded this at all.", [0.95, 0.0], 0.0)
    assert {place for place, _ in _said([first, second])} == {0}


def test_headings_and_questions_are_not_quoted_but_their_answers() -> None:
    text = "Opening hours\n\nWhen does the office open?\n\nIt opens at nine on every working day."
    said = _said([_passage(text, [0.9, 0.95, 0.5], headings=("Opening hours",))])
    assert said == [(0, "It opens at nine on every working day.")]


def test_what_announces_takes_the_next_sentence_along() -> None:
    text = "Do it in this order:\n\nOpen the blue valve slowly."
    said = _said([_passage(text, [0.9, 0.0])])
    assert "Open the blue valve slowly." in said[0][1]


def test_nothing_in_nothing_out() -> None:
    assert choose_quotes([]) == []


def test_code_and_output_give_way_to_prose() -> None:
    parts = [
        "first line of code here", "The list holds three references to one object.", "Copy the inner list instead.",
        "A comprehension does this best of all.", "[[5, None], [5, None]]",
    ]  # fmt: skip
    text = f"```\n{parts[0]}\n```\n" + "\n".join(parts[1:])
    spans = [(text.index(part), text.index(part) + len(part)) for part in parts]
    passage = Quotable(text, frozenset(), spans, np.array([1.5, 0.9, 0.8, 0.7, 1.6], np.float32), 1.0)
    assert choose_quotes([passage]) == [(0, spans[1][0], spans[3][1])]


def test_what_stands_beside_the_answer_fills_up() -> None:
    sentences = [
        "He read old scripts then.",
        "He wanted a short name for it.",
        "So he chose this one.",
        "The end of it came.",
    ]
    text = " ".join(sentences)
    spans = [(text.index(s), text.index(s) + len(s)) for s in sentences]
    fits = np.array([0.1, 1.0, 0.1, 0.1], np.float32)
    assert choose_quotes([Quotable(text, frozenset(), spans, fits, 1.0)]) == [(0, 0, spans[2][1])]


def test_the_sentence_that_opens_a_passage_has_a_start_over_the_others() -> None:
    parts = [
        "Copy a whole tree to another place.",
        "The callable is called once.",
        "It may be None too.",
        "Errors go on.",
    ]
    text = " ".join(parts)
    spans = [(text.index(part), text.index(part) + len(part)) for part in parts]
    fits = np.array([0.8, 0.0, 1.0, 0.0], np.float32)
    (quote,) = choose_quotes([Quotable(text, frozenset(), spans, fits, 1.0)])
    assert quote[1] == 0


def test_a_comment_in_the_source_is_not_quoted() -> None:
    text = "<!-- Not extracting this listing: the threads run differently\non each run. -->\nA mutex lets one thread at a time in."
    hidden = text.index("on each run")
    spans = [(0, hidden), (hidden, text.index("A mutex") - 1), (text.index("A mutex"), len(text))]
    said = choose_quotes([Quotable(text, frozenset(), spans, np.array([1.0, 1.2, 0.5], np.float32), 1.0)])
    assert [text[a:b] for _, a, b in said] == ["A mutex lets one thread at a time in."]
