"""Which kind of thing a question asks for (a date, a number, a name, ...), and which kinds stand in a text.

Rules over the question word, as in the answer typing of early question answering (Li and Roth, 2002), kept to what
can be recognized in a passage by form alone. A question may allow several kinds; no kind found means that nothing
is known, never that nothing fits. Cost: a few regular expressions.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "answer_kinds", "kinds_in", "question_signals"]

KINDS = ("number", "date", "person", "place", "reason", "way", "code")

_MONTHS = (
    r"jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    r"|sep(?:t|tember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?"
)
_NUMBER_WORDS = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|hundred"
    r"|thousand|million|half|twice|once|third|double|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwölf|deux|trois"
    r"|quatre|cinq|dix|dos|tres|cuatro|cinco|diez|due|tre|quattro|cinque|dieci"
)

_ASKED: tuple[tuple[str, str], ...] = (
    (
        "number",
        r"\bhow (?:many|much|long|old|far|tall|high|big|large|often|deep|wide|fast|heavy|thick|hot|cold|big)\b"
        r"|\bwhat (?:percentage|percent|share|number|size|temperature|distance|price|cost|amount|version|port)\b"
        r"|\bwieviele?\b|\bwie (?:viele?|lange?|hoch|groß|weit|alt|oft|schwer|teuer|tief)\b|\bcombien\b|\bcuánt[oa]s?\b"
        r"|\bquant[oie]\b|多少|几|多长|多久|多大|多高",
    ),
    (
        "date",
        r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|time|century|decade|weekday)\b|\bsince when\b|\bby when\b"
        r"|\bwann\b|\bseit wann\b|\bin welchem jahr\b|\bquand\b|\bcuándo\b|\bquando\b|什么时候|何时|哪一?年|哪天|几点",
    ),
    ("person", r"\bwho(?:m|se)?\b|\bwer\b|\bwem\b|\bwessen\b|\bqui\b|\bquién(?:es)?\b|\bchi\b|谁"),
    ("place", r"\bwhere\b|\bwo\b|\bwohin\b|\bwoher\b|\boù\b|\bdónde\b|\bdove\b|哪里|哪儿|在哪"),
    ("reason", r"\bwhy\b|\bwhat for\b|\bhow come\b|\bwarum\b|\bwieso\b|\bweshalb\b|\bpourquoi\b|\bpor qué\b|\bperché\b|为什么|为何"),
    (
        "way",
        r"\bhow (?:do|does|can|could|should|would|to|am|is it possible)\b|\bwie (?:kann|muss|soll|lässt|mache?|stelle?|bekomm)"
        r"|\bcomment\b|\bcómo\b|\bcome (?:si|posso|faccio)\b|怎么|如何|怎样",
    ),
    (
        "code",
        r"\b(?:command|option|flag|function|method|parameter|argument|header|endpoint|variable|keyword|config(?:uration)?"
        r"|setting|module|attribute|decorator|befehl|schalter|funktion|commande|comando|opción)\b|命令|参数|函数|选项",
    ),
)  # fmt: skip

_FOUND: tuple[tuple[str, str], ...] = (
    ("number", rf"\d|\b(?:{_NUMBER_WORDS})\b|[一二三四五六七八九十百千万两]"),
    ("date", rf"\b(?:1[0-9]|20)\d\d\b|\b(?:{_MONTHS})\b|\b\d{{1,2}}[:.]\d\d\b|\b\d{{1,2}} ?(?:am|pm|uhr|h)\b"
     r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)s?\b"
     r"|\bcentury\b|\b(?:before|after|until|since|every|daily|weekly|nach|vor|bis|seit)\b|年|月|日|点|周"),
    ("reason", r"\bbecause\b|\bsince\b|\bas\b|\bso that\b|\bso\b|\btherefore\b|\bdue to\b|\breason|\bcaus|\botherwise\b|\bin order\b"
     r"|\bto (?:avoid|prevent|keep|make)\b|\bfor\b|\bweil\b|\bdenn\b|\bdamit\b|\bsonst\b|\bdaher\b|\bdeshalb\b|\bgrund\b|\bcar\b"
     r"|\bparce\b|\bafin\b|\bporque\b|\bpara\b|\bdebido\b|\bpoiché\b|\bperché\b|因为|由于|所以|因此|否则"),
    ("way", r"`|^\s*(?:\d+[.)]|[-*])\s|(?:^|[.:;]\s+|\n)(?:[A-Z][a-z]+)\s+(?:the|a|an|your|it|to|on|in|with|all|any)\b|\bby\b|\buse\b"
     r"|\byou can\b|\bmust\b|\bmit\b|\bsie\b|\bvous\b|\bpuede\b|请|可以|先"),
    ("code", r"`|--?\w{2,}|\w+\(|\w+_\w+|\b\w+\.\w+\b|^ {4}|[A-Z]{3,}|[a-z][A-Z]"),
)  # fmt: skip

# names need their capitals: these look at the text as it stands
_FOUND_AS_WRITTEN: tuple[tuple[str, str], ...] = (
    ("person", r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'’-]+|\b(?:owner|manager|team|lead|chair|officer|staff|head|warden|teacher|treasurer)"),
    ("place", r"\b(?:in|at|on|from|to|near|under|behind|into|im|am|auf|bei|aus|nach|à|dans|sur|en|a|nel|sotto)\s+\S"),
)  # fmt: skip

_ASKED_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _ASKED)
_FOUND_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for name, pattern in _FOUND) + tuple(
    (name, re.compile(pattern, re.MULTILINE)) for name, pattern in _FOUND_AS_WRITTEN
)


@lru_cache(maxsize=1024)
def answer_kinds(question: str, language: str = "en") -> frozenset[str]:
    """The kinds of thing that would answer the question; empty where none can be told."""
    found = {name for name, pattern in _ASKED_PATTERNS if pattern.search(question)}
    if "number" in found and re.search(r"\bhow long\b|\bhow often\b", question, re.IGNORECASE):
        found.add("date")
    return frozenset(found)


@lru_cache(maxsize=16_384)
def kinds_in(text: str) -> frozenset[str]:
    """The kinds of thing that stand in a text, by their form."""
    return frozenset(name for name, pattern in _FOUND_PATTERNS if pattern.search(text))


_YES_OR_NO = re.compile(
    r"^(?:is|are|am|does|do|did|can|could|was|were|has|have|had|will|would|may|might|must|should|ist|sind|kann|darf|muss"
    r"|hat|haben|wird|gibt es|est-ce|es|está|puede|hay|è|sono|può)\b|吗[？?]?$|是否",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def question_signals(question: str, language: str = "en") -> NDArray[np.float32]:
    """What a question asks for, as numbers: its kinds, whether yes or no would answer, and its length.

    A question for a number is more often one that the documents do not answer than one for yes or no.
    """
    kinds = answer_kinds(question, language)
    yes_or_no = bool(_YES_OR_NO.search(question.strip()))
    return np.array([*(k in kinds for k in KINDS), yes_or_no, math.log1p(len(question) / 10)], np.float32)
