"""A follow-up question and what it means: the words of the conversation that it leaves out, put before it.

    How far must e-bike batteries stand from the boxes?  ->  2.5 m with sprinklers [1].
    and without?   ->   How far must e-bike batteries stand from the boxes? 2.5 m sprinklers and without?

Whether a question is a follow-up is told by signs that are counted for English, German, French, Spanish, Italian and
Chinese: how it opens ("and", "what about"), words that point back (it, those, dort, 那) and how little stands before
them, how few words of content it has; names and numbers speak against it. Their weights are a logistic fit on the
package's questions outside the test fold: 75% of follow-ups are found, 7% of new questions are taken for one.
What is put before it is the former question and the content words of the former answer. Right passage among the 1,750
English ones by BM25 and cosine, of follow-ups that were found: own words 0.14, with both 0.80, written out by a person
0.83. Where the signs are weak only the search is given a hint. All follow-ups, found or not: among the passages of
their set 0.76 (own words 0.64, a person's 0.83), among all 0.71 (0.14, 0.83). Cost: microseconds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from whelm.core.types import NOT_SUPPORTED, Conversation, Turn
from whelm.text.analyzer import Analyzer, analyzer_for

__all__ = ["FollowUp", "standalone", "understand"]

MAX_QUESTION_CHARACTERS = 400
MAX_ANSWER_WORDS = 40
HINT_WORDS = 12  # of the answer, where the signs are weak
MAX_CHAIN = 3
LIKELY = 0.5  # probability from which the context is put before the question
POSSIBLE = 0.3  # probability from which it joins the search

_WEIGHTS = {
    "opens": 3.08, "ends": 1.48, "points_first": 1.85, "points_second": 2.15, "points_third": 1.58,
    "points_later": 0.65, "one_word": 2.54, "two_words": 1.85, "three_words": 0.89, "many_words": -1.13,
    "shared_question": 1.05, "shared_answer": 0.87, "digit": -0.61, "name": -1.18, "identifier": -0.74,
}  # fmt: skip
_BIAS = -1.59
_POINTING = ("opens", "ends", "points_first", "points_second", "points_third", "points_later")
_UNSURE, _UNLIKELY = 0.45, 0.1
_DEFINITION = re.compile(
    r"[\s¿]*(?:what(?:'s| is| are| does)|who(?:'s| is| was)|where is|how do i|how to|was ist|was sind|wer ist"
    r"|qu'est-ce|c'est quoi|qui est|qué (?:es|son)|quién es|che cos'è|cos'è|chi è|什么是)\b",
    re.IGNORECASE,
)

# how a follow-up opens, how it ends, and words that point back to what was said: by language, on case-folded text
_OPENS = {
    "en": r"(?:ok(?:ay)?|alright|right|yes|no|hm+|well|thanks|great)?[,.! ]*(?:and|but|so|or|then|also|what about"
          r"|how about|in that case|otherwise|if (?:so|not)|same|even|what if|why not|how come|which (?:one|of)"
          r"|what else|who else|in case)\b",
    "de": r"(?:ok(?:ay)?|ja|nein|gut|danke|na)?[,.! ]*(?:und|aber|oder|also|dann|sonst|auch|was ist mit"
          r"|wie ist es mit|was wenn|wieso nicht|warum nicht|sobald|nur)\b",
    "fr": r"(?:ok|oui|non|bon|merci)?[,.! ]*(?:et|mais|ou|donc|alors|sinon|aussi|même|pareil)\b",
    "es": r"(?:ok|sí|no|vale|gracias)?[,.! ¿¡]*(?:y|e|pero|o|entonces|también|si no|incluso)\b",
    "it": r"(?:ok|sì|no|va bene|grazie)?[,.! ]*(?:e|ed|ma|o|allora|quindi|anche|altrimenti|invece)\b",
    "zh": r"(?:那|那么|还有|另外|如果是|要是|然后|接下来|所以|但是|可是|而|换成|改成|同样|上面|刚才)",
}  # fmt: skip
_ENDS = {
    "en": r"\b(?:then|though|too|instead|either|as well|again|else|exactly|now|afterwards|anyway)\s*[?.!]*$",
    "de": r"\b(?:dann|denn|auch|stattdessen|da|dabei|genau|danach|dort|dafür|davon|damit)\s*[?.!]*$",
    "fr": r"\b(?:alors|aussi|là|sinon|ensuite|exactement)\s*[?.!]*$",
    "es": r"\b(?:entonces|también|ahí|después|exactamente)\s*[?.!]*$",
    "it": r"\b(?:allora|anche|lì|poi|esattamente)\s*[?.!]*$",
    "zh": r"呢\s*[?？。]*$",
}
_POINTS = {
    # "that" joins clauses as often as it points: only after a verb or preposition, first or last
    "en": r"\b(?:it|its|it's|they|they're|them|their|theirs|he|he's|she|she's|him|his|her|hers|those|these|both|ones"
          r"|neither|former|latter|the (?:other|others|second|first|third|last|same|one|change|new one|old one)"
          r"|that one|this one|one of (?:them|those|these)|(?:do|does|did|doing|done|is|was|are|were|of|for|with|by"
          r"|about|after|before|from|to|in|on|like|than|why|without|at|up|over|get|have|if|would|will|could|can"
          r"|should|has|out) (?:that|this)|^(?:that|this)|(?:that|this)\s*[?.!]*$|that's"
          r"|there(?! (?:is|are|was|were|any|a|an|be))(?<!is there)(?<!are there)|then)\b",
    "de": r"\b(?:er|sie|es|ihn|ihm|ihr|ihnen|dessen|deren|derselbe|dieselbe|dasselbe|dort|dahin|damit|dafür|davon"
          r"|dazu|daran|darauf|darin|dabei|danach|deshalb|das|den|dem|beide[ns]?|diese[rsmn]?|jene[rsmn]?"
          r"|solche[rsn]?|(?:der|die|das) (?:andere|zweite|dritte|erste)|seine[rsmn]?|da)\b",
    "fr": r"\b(?:il|elle|ils|elles|lui|leur|leurs|celui|celle|ceux|celles|cela|ça|ce|cet|cette|ces|y|en|là"
          r"|le même|la même)\b",
    "es": r"\b(?:él|ella|ellos|ellas|lo|le|les|eso|ese|esa|esos|esas|esto|este|ahí|allí|mismo|misma|el otro|la otra"
          r"|\w+[aei]r(?:lo|la|los|las))\b",
    "it": r"\b(?:lui|lei|loro|lo|li|ne|ci|quello|quella|quelli|quelle|questo|questa|ciò|lì|stesso|stessa"
          r"|\w+[aei]r(?:lo|la|li|le))\b",
    "zh": r"(?:它|他|她|这个|那个|这样|那样|这里|那里|这些|那些|其中|两者|前者|后者|此|该|的那款|上述)",
}  # fmt: skip
_GAP = r"[\s\"'¿¡(]*"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """How a question is understood within its conversation."""

    question: str
    standalone: str
    """For people and for whoever reads passages: the question, with what it leaves out before it."""
    search: str
    """For search: the same words, weighed by repetition; it also hedges where the signs are weak."""
    probability: float = 0.0
    """That the question follows up on the last turn."""
    documents: tuple[str, ...] = ()
    """Documents that the former answer cited, likely to be meant again; empty for a question of its own."""

    @property
    def is_follow_up(self) -> bool:
        return self.probability >= LIKELY


def standalone(question: str, conversation: Conversation | None, language: str = "en") -> str:
    """The question with what it leaves out put before it; a question of its own as it is."""
    return understand(question, conversation, language).standalone


def understand(question: str, conversation: Conversation | None, language: str = "en") -> FollowUp:
    """Whether `question` follows up on the last turn, and what it means then."""
    question = question.strip()
    turns = conversation.turns if conversation else ()
    if not turns or not question:
        return FollowUp(question, question, question)
    analyzer = analyzer_for(language)
    probability = _probability(question, turns[-1], analyzer)
    if probability < POSSIBLE:
        return FollowUp(question, question, question, probability)
    if probability < LIKELY:
        hint = _words(_context(turns, analyzer, HINT_WORDS), analyzer)
        return FollowUp(question, question, " ".join([question] * 3 + [hint] + [question] * 2), probability)
    context = _context(turns, analyzer, MAX_ANSWER_WORDS)
    return FollowUp(
        question, f"{context} {question}", f"{question} {context} {question}", probability, turns[-1].documents
    )


def _probability(question: str, last: Turn, analyzer: Analyzer) -> float:
    signs = _signs(question, last, analyzer)
    probability = 1.0 / (1.0 + math.exp(-_BIAS - sum(_WEIGHTS[name] * value for name, value in signs.items())))
    if any(signs.get(name) for name in _POINTING):
        return probability
    # being short alone does not make a follow-up: people ask a search box in two words, and "What is X?" is whole
    if _DEFINITION.match(question) and not signs.get("shared_question") and len(question.split()) > 2:
        return min(probability, _UNLIKELY)
    return min(probability, _UNSURE) if "one_word" not in signs else probability


def _signs(question: str, last: Turn, analyzer: Analyzer) -> dict[str, float]:
    """What speaks for and against a follow-up; see the module."""
    language = analyzer.language if analyzer.language in _OPENS else "en"
    folded = question[-2_000:].casefold().replace("’", "'")
    content = _content(question[-2_000:], analyzer)
    own = {word for word, _ in content}
    asked = set(analyzer.tokens(last.question))
    answered = set(analyzer.tokens(_answer_text(last))) - asked
    signs = {
        "opens": float(re.match(_GAP + _OPENS[language], folded) is not None),
        "ends": float(re.search(_ENDS[language], folded) is not None),
        "shared_question": len(own & asked) / max(len(content), 1),
        "shared_answer": len(own & answered) / max(len(content), 1),
        "digit": float(re.search(r"\d", question) is not None),
        "name": float(re.search(r"(?<=[a-z,] )[A-Z][a-z]", question) is not None),
        "identifier": float(re.search(r"[`_/]|\w\.\w", question) is not None),
    }
    if pointer := re.search(_POINTS[language], folded):
        before = sum(1 for _, start in content if start < pointer.start())
        place = ("points_first", "points_second", "points_third")
        signs[place[before] if before < 3 else "points_later"] = 1.0
    count = len(content)
    if count <= 3:
        signs[("one_word", "one_word", "two_words", "three_words")[count]] = 1.0
    elif count >= 9:
        signs["many_words"] = 1.0
    return signs


def _content(text: str, analyzer: Analyzer) -> list[tuple[str, int]]:
    """Content words and where each begins; runs of unspaced script count a word for every two characters."""
    found: list[tuple[str, int]] = []
    end = 0
    for token, start, stop in analyzer.words(text):
        if start >= end:
            found.append((token, start))
            end = stop
    return found


def _context(turns: tuple[Turn, ...], analyzer: Analyzer, answer_words: int) -> str:
    """The last question, with what it left out itself, and the content words of its answer."""
    chain = [turns[-1].question]
    for position in range(len(turns) - 1, max(0, len(turns) - MAX_CHAIN), -1):
        if _probability(turns[position].question, turns[position - 1], analyzer) < LIKELY:
            break
        chain.insert(0, turns[position - 1].question)
    asked = " ".join(_ending(question) for question in chain)
    answer = _words(_answer_text(turns[-1]), analyzer, frozenset(analyzer.tokens(asked)), answer_words)
    return f"{asked} {answer}".strip()


def _ending(question: str) -> str:
    """The last words of a long question: what is asked mostly stands at its end."""
    question = " ".join(question.split())
    if len(question) <= MAX_QUESTION_CHARACTERS:
        return question
    return question[-MAX_QUESTION_CHARACTERS:].partition(" ")[2] or question[-MAX_QUESTION_CHARACTERS:]


def _answer_text(turn: Turn) -> str:
    answer = turn.answer.strip()
    return "" if answer == NOT_SUPPORTED else re.sub(r"\s*\[\d{1,3}\]", "", answer[:4_000])


def _words(text: str, analyzer: Analyzer, known: frozenset[str] = frozenset(), limit: int = 100) -> str:
    """The content words of a text but those `known`, in its own spelling and order, each once."""
    seen = set(known)
    pieces: list[str] = []
    end = 0
    for token, start, stop in analyzer.words(text):
        if start < end or token in seen:  # a part of what was taken, or said already
            continue
        seen.add(token)
        pieces.append(text[start:stop])
        end = stop
        if len(pieces) == limit:
            break
    return " ".join(pieces)
