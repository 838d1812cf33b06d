"""A short cited answer from an endpoint, checked sentence by sentence against the evidence that was shown.

A sentence stays when all of this holds; the rest is dropped, with the reason:
  cited      it names at least one line of the evidence, and none that does not exist
  numbers    every number in it stands in a line that it cites (1,000 = 1000; "twelve" = 12)
  names      so does every name in it: identifiers, acronyms, capitalized words that do not open the sentence
  polarity   it denies nothing that its lines do not deny, and leaves out no denial of the clause that it repeats
  support    coverage(sentence, lines) >= MIN_COVERAGE, where coverage is the share of its content words that stand
             in those lines, words of the question counting half; or a model's `supports(sentence, lines)` is at
             least MIN_SUPPORT and coverage at least MIN_COVERAGE_SUPPORTED
Nothing left: not supported. What the endpoint writes is plain text and data; a wrong sentence costs itself alone.
Thresholds were chosen on the package's questions outside the test fold. Cost: linear in the answer and the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whelm.answer.evidence import Shown, chosen, one_line, prompt
from whelm.core.types import NOT_SUPPORTED, Evidence
from whelm.text.analyzer import Analyzer, analyzer_for
from whelm.text.sentences import sentences

if TYPE_CHECKING:
    from whelm.generate.remote import Completion, Message

__all__ = ["Dropped", "Writer", "WrittenAnswer", "check_answer", "write_answer"]

Supports = Callable[[str, str], float]

MIN_COVERAGE = 0.5
MIN_SUPPORT = 0.6
MIN_COVERAGE_SUPPORTED = 0.25
MAX_ANSWER_CHARACTERS = 4_000
MAX_SENTENCES = 8
MAX_TOKENS = 400

_CITED = re.compile(r"\s*[\[【]\s*(\d{1,3}(?:\s*[,;、，]\s*\d{1,3})*)\s*[\]】]")
_STOP_THEN_CITED = re.compile(
    r"([.!?。！？]+[\"'”’»」』)]*)((?:\s*[\[【]\s*\d{1,3}(?:\s*[,;、，]\s*\d{1,3})*\s*[\]】])+)"
)
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^\s*(?:```|~~~)\w*\s*$", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,:\u202f\u00a0'’ ]?\d+)*")
_NAME = re.compile(r"`[^`\n]{1,80}`|[^\W_][\w.\-/@+#]*[\w+#]|[^\W_]")
_OPENER = re.compile(
    r"\s*(?:yes|no|ja|nein|oui|non|sí|si|no|sì|是的?|不是?|不|对|可以)[,.:;!，。：；]\s*", re.IGNORECASE
)
_CLAUSES = re.compile(
    r"[,;:()。，；：、]|\s[-–—]\s|\b(?:but|and|or|while|whereas|aber|und|oder|sondern|mais|et|ou|pero|y|o|ma|e)\b"
)
_DENIALS = re.compile(
    r"\b(?:not|no|never|none|nor|neither|cannot|nobody|nothing|\w+n['’]t|nicht|kein\w*|nie|niemals|nichts"
    r"|ne|n['’]\w+|pas|jamais|aucune?|nunca|jamás|ningun[oa]?|ningún|tampoco|non|mai|nessun\w*)\b"
    r"|[不没无未勿非别]",
    re.IGNORECASE,
)
_WEAK_DENIALS = re.compile(
    r"\b(?:no later|no more|no less|not only|not later|nicht nur|non solo|no solo|no sólo)\b|不仅|不超过|不少于",
    re.IGNORECASE,
)
_NUMBER_WORDS = {
    word: str(value)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty",
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn zwanzig",
        "zéro _ deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
        "cero _ dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince",
        "_ _ due tre quattro cinque sei sette otto nove dieci undici dodici",
        "零 一 二 三 四 五 六 七 八 九 十",
    )
    for value, word in enumerate(words.split())
    if word != "_"
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100", "dreißig": "30", "vierzig": "40",
     "fünfzig": "50", "hundert": "100", "trente": "30", "cent": "100", "treinta": "30", "cien": "100"}  # fmt: skip
_WEAK_NUMBERS = frozenset({"one", "eins", "once", "sei", "一", "six"})  # other words, too, in one language or another


class Writer(Protocol):
    """What is asked to write: `generate.remote.RemoteGenerator`, or a fake."""

    def complete(self, messages: Sequence[Message], *, max_tokens: int = ...) -> Completion: ...


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sentence of the endpoint that was not kept, and why."""

    sentence: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """What is left of a written answer; `[n]` in `text` counts `citations` from 1."""

    text: str = NOT_SUPPORTED
    supported: bool = False
    citations: tuple[Evidence, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    evidence_cut: tuple[str, ...] = ()
    support: float = 0.0  # the weakest sentence's coverage
    seconds: float = 0.0


def write_answer(
    question: str,
    evidence: Sequence[Evidence],
    generator: Writer,
    *,
    language: str = "en",
    labels: Mapping[str, str] | None = None,
    supports: Supports | None = None,
) -> WrittenAnswer:
    """Ask for an answer from `evidence`, best first, and keep what it supports; RemoteError as the endpoint fails.

    `labels`: what to call each document (its title), shown to the writer and counted as part of its lines.
    `supports(sentence, lines)`: a model's view from 0 to 1, which may keep what is said in other words.
    """
    shown = chosen(evidence)
    if not shown.evidence:
        return WrittenAnswer(evidence_cut=shown.cut)
    from whelm.generate.remote import Message  # an assistant that only quotes starts without an HTTP client

    messages = [Message(role, content) for role, content in prompt(question, shown, labels)]
    completion = generator.complete(messages, max_tokens=MAX_TOKENS)
    answer = check_answer(question, completion.text, shown, language=language, labels=labels, supports=supports)
    return WrittenAnswer(
        answer.text, answer.supported, answer.citations, answer.dropped, shown.cut, answer.support, completion.seconds
    )


def check_answer(
    question: str,
    text: str,
    shown: Shown,
    *,
    language: str = "en",
    labels: Mapping[str, str] | None = None,
    supports: Supports | None = None,
) -> WrittenAnswer:
    """Keep the sentences of `text` that the evidence supports, with their numbers counted anew."""
    lines = [one_line(f"{(labels or {}).get(piece.document, '')}: {piece.text}") for piece in shown.evidence]
    check = _Check(question, lines, analyzer_for(language), supports)
    kept: list[str] = []
    dropped: list[Dropped] = []
    order: dict[int, int] = {}
    weakest = 1.0
    for sentence in _split(text, language):
        bare, numbers = _without_numbers(sentence)
        reason, coverage = check.judge(bare, numbers)
        if not reason and len(kept) == MAX_SENTENCES:
            reason = f"more than {MAX_SENTENCES} sentences"
        if reason:
            dropped.append(Dropped(sentence, reason))
            continue
        weakest = min(weakest, coverage)
        marks = "".join(f"[{order.setdefault(number, len(order) + 1)}]" for number in numbers)
        kept.append(f"{bare} {marks}")
    if not kept:
        return WrittenAnswer(dropped=tuple(dropped))
    cited = tuple(shown.evidence[number - 1] for number in order)
    return WrittenAnswer(" ".join(kept), True, cited, tuple(dropped), support=weakest)


class _Check:
    """The judge of one answer: the evidence's words, numbers and denials, computed once a set of lines."""

    def __init__(self, question: str, lines: Sequence[str], analyzer: Analyzer, supports: Supports | None) -> None:
        self._lines = lines
        self._analyzer = analyzer
        self._supports = supports
        self._asked = set(analyzer.tokens(question))

    def judge(self, sentence: str, numbers: Sequence[int]) -> tuple[str, float]:
        """Why the sentence cannot stay ("" where it can), and its coverage."""
        if not any(map(str.isalnum, sentence)):
            return "no words", 0.0
        if NOT_SUPPORTED.rstrip(".").casefold() in sentence.casefold():
            return "says that the documents do not say", 0.0
        if not numbers:
            return "cites nothing", 0.0
        wrong = [number for number in numbers if not 1 <= number <= len(self._lines)]
        if wrong:
            return f"cites [{wrong[0]}], which does not exist", 0.0
        lines = [self._lines[number - 1] for number in numbers]
        text = " ".join(lines)
        if missing := _numbers(sentence) - _numbers(text):
            return f"the number {min(missing)} is not in the lines it cites", 0.0
        known = set(self._analyzer.tokens(text))
        if name := self._missing_name(sentence, text, known):
            return f"the name {name} is not in the lines it cites", 0.0
        if reason := self._denial(sentence, lines):
            return reason, 0.0
        coverage = self._coverage(sentence, known)
        if coverage >= MIN_COVERAGE:
            return "", coverage
        if self._supports is not None and coverage >= MIN_COVERAGE_SUPPORTED:
            support = self._supports(sentence, text)
            if support >= MIN_SUPPORT:
                return "", coverage
        return f"only {coverage:.0%} of its words stand in the lines it cites", coverage

    def _coverage(self, sentence: str, known: set[str]) -> float:
        # what the question says already is no evidence of its own; yet a sentence of its words alone is on the matter
        words = set(self._analyzer.tokens(sentence))
        weights = {word: 0.5 if word in self._asked else 1.0 for word in words}
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in known) / total if total else 0.0

    def _missing_name(self, sentence: str, text: str, known: set[str]) -> str:
        """A name of the sentence that its lines do not have."""
        folded = text.casefold()
        opening = True
        for match in _NAME.finditer(sentence):
            word = match[0]
            if _is_name(word, opening, self._analyzer.language):
                plain = word.strip("`").casefold()
                if plain not in folded and not set(self._analyzer.tokens(word)) <= known:
                    return one_line(word, 60)
            opening = sentence[match.end() : match.end() + 1] in (":", ".", "!", "?")
        return ""

    def _denial(self, sentence: str, lines: Sequence[str]) -> str:
        """Whether the sentence denies what its lines affirm, or affirms what they deny, as far as words tell."""
        said = self._denied(_OPENER.sub("", sentence, count=1))
        found = [clause for line in lines for clause in self._denied(line)]
        if any(denied for _, denied in said) and not any(denied for _, denied in found):
            return "it denies what the lines it cites do not deny"
        for _, denied in said:
            if (
                denied
                and any(denied <= others and not denies for others, denies in found)
                and not any(denied & others for others, denies in found if denies)
            ):
                return "it denies what the lines it cites affirm"
        affirmed = {word for words, denied in said if not denied for word in words}
        if affirmed and not any(denied for _, denied in said):
            for words, denied in found:
                if denied and denied <= affirmed and len(words & affirmed) >= 0.6 * len(words):
                    return "it affirms what the lines it cites deny"
        return ""

    def _denied(self, text: str) -> list[tuple[set[str], set[str]]]:
        """For each clause its words, and those that a denial in it is about: up to three that follow, or precede."""
        clauses = []
        for clause in _CLAUSES.split(_WEAK_DENIALS.sub(" ", text)):
            words = [(word, start) for word, start, _ in self._analyzer.words(clause) if not _DENIALS.fullmatch(word)]
            denials = [match.end() for match in _DENIALS.finditer(clause)]
            about: set[str] = set()
            for at in denials:
                after = [token for token, start in words if start >= at][:3]
                about |= set(after or [token for token, _ in words][-3:])
            if words:
                clauses.append(({token for token, _ in words}, about))
        return clauses


def _split(text: str, language: str) -> list[str]:
    """The sentences of what an endpoint wrote, numbers inside the sentence that they belong to."""
    text = _THOUGHTS.sub(" ", text)[:MAX_ANSWER_CHARACTERS]
    text = "\n".join(one_line(line) for line in _FENCE.sub("", text).splitlines())
    text = _STOP_THEN_CITED.sub(lambda match: f" {match[2].strip()}{match[1]}", text)
    return [one_line(text[start:end]) for start, end in sentences(text, language)]


def _without_numbers(sentence: str) -> tuple[str, list[int]]:
    """The sentence without its citations, and their numbers, each once."""
    numbers = [int(number) for group in _CITED.findall(sentence) for number in re.findall(r"\d+", group)]
    return _CITED.sub("", sentence).strip(), list(dict.fromkeys(numbers))


def _is_name(word: str, opening: bool, language: str) -> bool:
    if word.startswith("`") or re.search(r"[_@]|\w[./]\w|[a-z][A-Z]|[A-Z].*\d|\d.*[A-Z]", word):
        return True
    letters = word.strip(".-/+#")
    if len(letters) >= 2 and letters.isupper() and letters.isalpha():
        return True
    # in German every noun is written so: there only what is an identifier or an acronym counts
    return letters[:1].isupper() and not opening and language not in ("de", "lb") and len(letters) > 1


def _numbers(text: str) -> set[str]:
    """The numbers of a text in one spelling, number words included."""
    found = set()
    for match in _NUMBER.finditer(text):
        found |= _spellings(match[0])
    words = re.findall(r"(?<![\w-])[^\W\d_]+(?![\w-])", text.casefold())  # not the two of two-wheelers
    found |= {_NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS and word not in _WEAK_NUMBERS}
    return found


def _spellings(number: str) -> set[str]:
    number = number.strip()
    if " " in number or "\u00a0" in number or "\u202f" in number:
        parts = number.split()
        if not all(len(part) == 3 and part.isdigit() for part in parts[1:]):  # 2 numbers, no thousands
            return {spelling for part in parts for spelling in _spellings(part)}
    plain = re.sub(r"[\s\u00a0\u202f'’]", "", number)
    if re.fullmatch(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*", plain):
        plain = re.sub("[.,]", "", plain)
    plain = plain.replace(",", ".")
    if re.fullmatch(r"\d+\.\d+", plain):
        plain = plain.rstrip("0").rstrip(".")
    return {re.sub(r"^0+(?=\d)", "", plain)}
