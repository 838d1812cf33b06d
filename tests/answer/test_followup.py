"""Follow-ups: told from new questions, and understood with the conversation's words."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from whelm.answer.followup import MAX_ANSWER_WORDS, MAX_QUESTION_CHARACTERS, standalone, understand
from whelm.core.types import NOT_SUPPORTED, Conversation, Turn
from whelm.data.grounded import GroundedQuestion, GroundedSet, is_test, load_grounded_sets
from whelm.text.analyzer import analyzer_for

BATTERIES = Turn("How far must e-bike batteries stand from the cardboard?", "2.5 m with sprinklers [1].", ("fire.md",))
COPY = Turn("How do I copy a directory tree in Python?", "Use shutil.copytree(src, dst) [1].", ("shutil.copytree",))


def after(*turns: Turn) -> Conversation:
    return Conversation(turns)


@pytest.mark.parametrize(("question", "turn", "language"), [
    ("and without?", BATTERIES, "en"),
    ("Why?", BATTERIES, "en"),
    ("What about scooters?", BATTERIES, "en"),
    ("And how long may they charge?", BATTERIES, "en"),
    ("does it overwrite existing files?", COPY, "en"),
    ("is that safe?", COPY, "en"),
    ("Und ohne?", Turn("Wie weit weg müssen Akkus stehen?", "2,5 m mit Sprinklern."), "de"),
    ("Wo steckt das Ding?", Turn("E18 blinkt, was tun?", "Das Flusensieb reinigen."), "de"),
    ("et manger ?", Turn("Jusqu'à quand peut-elle boire ?", "Deux heures avant."), "fr"),
    ("¿y ese cambio por qué?", Turn("¿Hasta cuándo puedo pedir las vacaciones?", "Hasta el 1 de mayo."), "es"),
    ("E una terza?", Turn("Quanti giorni può stare via una quarta?", "Cinque giorni."), "it"),
    ("那没休完呢？", Turn("一年法定的年休假有几天？", "十天。"), "zh"),
])  # fmt: skip
def test_follow_ups_take_the_conversation_s_words(question: str, turn: Turn, language: str) -> None:
    understood = understand(question, after(turn), language)
    assert understood.is_follow_up
    assert understood.standalone.startswith(turn.question)
    assert understood.standalone.endswith(question)
    assert understood.standalone == standalone(question, after(turn), language)
    assert understood.documents == turn.documents
    tokens = set(analyzer_for(language).tokens(understood.search))
    assert tokens >= set(analyzer_for(language).tokens(question + " " + turn.question))


@pytest.mark.parametrize("question", [
    "How do I renew my passport?",
    "What is asyncio?",
    "What does a parking permit for residents cost in Lindmark?",
    "Which calculators may pupils use in a long maths test?",
    "How many days do the mats have to lie on fresh concrete?",
    "Who painted the Woman with a Jug of Plums in 1647?",
    "How do I parse JSON from a string in Python?",
])  # fmt: skip
@pytest.mark.parametrize("turn", [BATTERIES, COPY])
def test_new_questions_stay_as_they_are(question: str, turn: Turn) -> None:
    understood = understand(question, after(turn))
    assert not understood.is_follow_up
    assert understood.standalone == standalone(question, after(turn)) == question
    assert understood.documents == ()
    # where the signs are weak the search hedges, and the question's own words weigh five times as much
    counts = Counter(analyzer_for("en").tokens(understood.search))
    assert understood.search == question or all(counts[token] >= 5 for token in analyzer_for("en").tokens(question))


def test_without_a_conversation_nothing_changes() -> None:
    for conversation in (None, Conversation()):
        understood = understand(" and without? ", conversation)
        assert (understood.standalone, understood.search) == ("and without?", "and without?")
        assert not understood.is_follow_up


def test_the_answer_s_words_come_once_and_without_its_marks() -> None:
    turn = Turn("Who saved the manuscripts?", "Dagny Holt saved the manuscripts [1], Holt says [2][3].")
    assert standalone("and why?", after(turn)) == "Who saved the manuscripts? Dagny Holt says and why?"


def test_a_refusal_adds_no_words() -> None:
    turn = Turn("Who saved the manuscripts?", NOT_SUPPORTED)
    assert standalone("and why?", after(turn)) == "Who saved the manuscripts? and why?"


def test_a_follow_up_of_a_follow_up_goes_back_to_the_first_question() -> None:
    turns = (Turn("What does the Grove edition cost?", "40 a core."), Turn("and for schools?", "It is free."))
    text = standalone("and for hospitals?", after(*turns))
    assert text.startswith("What does the Grove edition cost? and for schools?")
    unrelated = (Turn("How do I renew my passport in Lindmark these days?", "At the office."), BATTERIES)
    assert "passport" not in standalone("and without?", after(*unrelated))


def test_long_turns_are_bounded() -> None:
    turn = Turn("blah " * 5_000 + "What does the ferry cost?", " ".join(f"word{n}" for n in range(9_000)))
    text = standalone("and why?", after(*[turn] * 50))
    assert "What does the ferry cost?" in text
    assert len(text) < 3 * MAX_QUESTION_CHARACTERS + 12 * MAX_ANSWER_WORDS
    understand("x" * 1_000_000, after(turn))
    understand("and " * 200_000, after(turn))


# ---------------------------------------------------------------- measured on the package's questions


class Bm25:
    """Twenty lines of BM25 over the passages of one language."""

    def __init__(self, sets: list[GroundedSet], language: str) -> None:
        self.analyzer = analyzer_for(language)
        self.places = [(s.id, n) for s in sets for n in range(len(s.passages))]
        self.documents = [Counter(self.analyzer.tokens(f"{p.title} {p.text}")) for s in sets for p in s.passages]
        self.mean = sum(sum(d.values()) for d in self.documents) / len(self.documents)
        self.frequency = Counter(token for d in self.documents for token in d)

    def best(self, query: str, within: str = "") -> tuple[str, int]:
        terms = Counter(self.analyzer.tokens(query))
        chosen = [n for n, place in enumerate(self.places) if not within or place[0] == within]
        return self.places[max(chosen, key=lambda n: (self._score(terms, n), -n))]

    def _score(self, terms: Counter[str], number: int) -> float:
        document, total = self.documents[number], 0.0
        length = 0.25 + 0.75 * sum(document.values()) / self.mean
        for token, weight in terms.items():
            if tf := document[token]:
                rarity = math.log(1 + (len(self.documents) + 0.5) / (self.frequency[token] + 0.5))
                total += weight * rarity * tf * 2.2 / (tf + 1.2 * length)
        return total


@pytest.fixture(scope="module")
def sets() -> list[GroundedSet]:
    return [s for s in load_grounded_sets() if s.language == "en" and not is_test(s.id)]


def turn_of(question: GroundedQuestion) -> Turn:
    """A turn as the assistant would have answered it: by quoting."""
    return Turn(question.question, " ".join(quote.text for quote in question.evidence) or NOT_SUPPORTED)


def hits(sets: list[GroundedSet], queries: list[tuple[GroundedSet, GroundedQuestion, str]]) -> float:
    index = Bm25(sets, "en")
    right = [index.best(query, s.id)[1] in {e.passage for e in q.evidence} for s, q, query in queries]
    return sum(right) / len(right)


def test_follow_ups_find_nearly_what_their_full_wording_finds(sets: list[GroundedSet]) -> None:
    rows = [(s, q, turn_of(s.questions[q.after])) for s in sets for q in s.questions
            if q.after is not None and q.answerable]  # fmt: skip
    assert len(rows) > 100
    alone = hits(sets, [(s, q, q.question) for s, q, _ in rows])
    full = hits(sets, [(s, q, q.standalone) for s, q, _ in rows])
    ours = hits(sets, [(s, q, understand(q.question, after(turn)).search) for s, q, turn in rows])
    assert ours >= 0.9 * full
    assert ours >= alone + 0.1


def test_new_questions_are_seldom_taken_for_follow_ups(sets: list[GroundedSet]) -> None:
    firsts = [[q for q in s.questions if q.after is None] for s in sets]
    pairs = [(one[0], other[-1]) for one, other in zip(firsts, firsts[1:], strict=False)]
    pairs += [(one, two) for row in firsts for one, two in zip(row, row[1:], strict=False)]
    taken = [understand(two.question, after(turn_of(one))).is_follow_up for one, two in pairs]
    assert len(pairs) > 1_000
    assert sum(taken) / len(taken) < 0.1
