"""Questions made from the folder's own documents: what the assistant is tuned and measured on when nobody wrote any.

Rules only, no model. Each block of a document is offered to makers; a maker turns a title, a heading, a definition, an
instruction, a number or a plain sentence into a question whose answer is a span of that document. Every question
exists in the document's words and, where the table of everyday words knows a substitute, once more in those.
Wordings close to the text favour plain text search; `people_weight` says how much each kind counts for what people ask.
Selection and split are pure functions of (seed, document): adding a document changes no other document's questions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from whelm.core.digest import text_digest
from whelm.core.random import fraction
from whelm.core.types import Document, Question
from whelm.data.everyday import everyday_words
from whelm.data.structure import Block, blocks
from whelm.text.analyzer import analyzer_for
from whelm.text.sentences import sentences

__all__ = ["QuestionConfig", "make_questions", "people_weight", "split_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionConfig:
    """What is asked about a folder."""

    per_document: int = 3
    """Questions a document, at least; a long one gets more"""
    characters: int = 2000
    """One question more for each so many characters, as a book's chapters need"""
    total: int = 900
    """Questions a folder; above this they are sampled, prominent documents first"""
    left_out: float = 0.04
    """Share of the documents whose questions are asked while the document is hidden: they must be refused"""
    seed: int = 0
    """Names the random choices"""


def people_weight(kind: str) -> float:
    """How much a kind counts when something is chosen for people's questions, who do not know the document's words."""
    return {"keyword": 0.5, "heading": 0.7, "definition": 0.8, "title": 0.7}.get(
        kind.removesuffix("+everyday"), 1.0
    ) * (1.5 if kind.endswith("+everyday") else 1.0)


def split_of(document: str, seed: int = 0) -> str:
    """train (half), tune (a quarter) or test (a quarter), by the document's name alone."""
    share = fraction(seed, "data/split", document)
    return "train" if share < 0.5 else "tune" if share < 0.75 else "test"


def make_questions(
    documents: Iterable[Document],
    config: QuestionConfig,
    *,
    twins: Mapping[str, str] | None = None,
    prominence: Mapping[str, float] | None = None,
) -> list[Question]:
    """Questions of all documents, sorted by id.

    twins: duplicate document -> the one it repeats; duplicates are not asked about.
    prominence: document -> weight >= 0 of how often others speak of it; people ask more about what is spoken of.
    """
    twins, prominence = twins or {}, prominence or {}
    found: list[tuple[float, Question]] = []
    for document in documents:
        if document.id in twins:
            continue
        left_out = fraction(config.seed, "data/left-out", document.id) < config.left_out
        for question in _of_document(document, config):
            if left_out:
                question = replace(question, answerable=False, kind="left-out")
            # weighted sampling without replacement (Efraimidis and Spirakis 2006): the largest u^(1/w) win
            weight = 1.0 + 3.0 * prominence.get(document.id, 0.0)
            rank = fraction(config.seed, "data/question", question.id) ** (1.0 / weight)
            found.append((rank, question))
    found.sort(key=lambda pair: (-pair[0], pair[1].id))
    return sorted((question for _, question in found[: config.total]), key=lambda question: question.id)


def _of_document(document: Document, config: QuestionConfig) -> list[Question]:
    candidates = {q.question.casefold(): q for q in _candidates(document, config.seed)}
    ranked = sorted(candidates.values(), key=lambda q: fraction(config.seed, "data/pick", q.id))
    seen: Counter[str] = Counter()
    order: list[tuple[int, int]] = []  # one of each kind first, then the second of each, and so on
    for place, question in enumerate(ranked):
        order.append((seen[question.kind], place))
        seen[question.kind] += 1
    wanted = max(config.per_document, len(document.text) // config.characters)
    return [ranked[place] for _, place in sorted(order)[:wanted]]


def _candidates(document: Document, seed: int) -> Iterator[Question]:
    everyday = everyday_words(document.language)
    for kind, wording, start, end in _wordings(document):
        yield _question(document, kind, wording, start, end, seed)
        other = everyday(wording)
        if other != wording:
            yield _question(document, f"{kind}+everyday", other, start, end, seed)


def _question(document: Document, kind: str, wording: str, start: int, end: int, seed: int) -> Question:
    name = text_digest(f"{document.id}\n{kind}\n{wording}")[:16]
    split = split_of(document.id, seed)
    return Question(name, kind, wording, document.id, start, end, document.text[start:end], split)  # type: ignore[arg-type]


_Wording = tuple[str, str, int, int]  # kind, question, start, end


def _wordings(document: Document) -> Iterator[_Wording]:
    heading: Block | None = None
    for block in blocks(document):
        if block.kind == "heading":
            heading = block
            continue
        if block.kind in ("code", "table"):
            continue
        text = document.text[block.start : block.end]
        spans = [(block.start + a, block.start + b) for a, b in sentences(text, document.language)]
        spans = [(a, b) for a, b in spans if 20 <= b - a <= 320 and _is_prose(document.text[a:b])]
        if not spans:
            continue
        if heading is not None:
            yield from _from_heading(document, heading, spans[0])
            heading = None
        for position, (start, end) in enumerate(spans):
            for maker in _MAKERS.get(document.language, _MAKERS[""]):
                yield from maker(document, document.text[start:end], start, end, position)


def _is_prose(sentence: str) -> bool:
    letters = sum(c.isalpha() or c.isspace() for c in sentence)
    return letters >= 0.75 * len(sentence) and not sentence.startswith((">>>", "$ ", ".. ", "|", "#"))


# --- makers -----------------------------------------------------------------------------------------------------

_ARTICLE = re.compile(r"^(?:the|an?|this|these|each|every)\s+", re.I)
_DEFINITION = {
    "en": re.compile(
        r"^(?P<subject>(?:(?:The|An?)\s+)?[^,.;:()]{2,50}?)\s+(?:is|are|refers to|means|denotes)\s+(?:an?|the|any|one of)\s",
        re.S,
    ),
    "de": re.compile(
        r"^(?P<subject>(?:(?:Der|Die|Das|Ein|Eine)\s+)?[^,.;:()]{2,50}?)\s+(?:ist|sind|bezeichnet)\s+(?:eine?|der|die|das)\s",
        re.S,
    ),
    "fr": re.compile(
        r"^(?P<subject>(?:(?:Le|La|Les|Une?|L')\s*)?[^,.;:()]{2,50}?)\s+(?:est|sont|désigne)\s+(?:une?|le|la|les)\s",
        re.S,
    ),
    "es": re.compile(
        r"^(?P<subject>(?:(?:El|La|Los|Las|Una?)\s+)?[^,.;:()]{2,50}?)\s+(?:es|son|significa)\s+(?:una?|el|la|los|las)\s",
        re.S,
    ),
    "zh": re.compile(r"^(?P<subject>[^，。；：、（）\s是]{2,16})是"),
}
_WHAT_IS = {
    "en": "What is {}?",
    "de": "Was ist {}?",
    "fr": "Qu'est-ce que {} ?",
    "es": "¿Qué es {}?",
    "zh": "什么是{}？",
}
_VAGUE = re.compile(
    r"^(?:it|this|that|these|those|there|he|she|they|we|you|which|what|here|one|dies|das|es|er|sie|ce|il|elle|esto|该|这|它|此|那)\b",
    re.I,
)
_HOW_TO = {
    "return": "get", "returns": "get", "construct": "make", "constructs": "make", "create": "create", "yield": "get",
    "retrieve": "get", "instantiate": "create",
}  # fmt: skip
_VERBS = frozenset(
    [
        "add",
        "append",
        "apply",
        "attach",
        "build",
        "calculate",
        "call",
        "cancel",
        "change",
        "check",
        "clear",
        "close",
        "combine",
        "compare",
        "compute",
        "configure",
        "connect",
        "convert",
        "copy",
        "count",
        "create",
        "decode",
        "decompress",
        "define",
        "delete",
        "determine",
        "disable",
        "display",
        "download",
        "enable",
        "encode",
        "escape",
        "evaluate",
        "execute",
        "export",
        "extract",
        "fetch",
        "fill",
        "filter",
        "find",
        "flush",
        "format",
        "generate",
        "get",
        "group",
        "handle",
        "import",
        "increase",
        "initialize",
        "insert",
        "install",
        "instantiate",
        "invert",
        "iterate",
        "join",
        "list",
        "load",
        "lock",
        "locate",
        "log",
        "make",
        "match",
        "measure",
        "merge",
        "move",
        "normalize",
        "obtain",
        "open",
        "order",
        "override",
        "parse",
        "pause",
        "perform",
        "pop",
        "prevent",
        "print",
        "process",
        "produce",
        "protect",
        "raise",
        "read",
        "receive",
        "record",
        "recursively",
        "reduce",
        "register",
        "remove",
        "rename",
        "reorder",
        "repeat",
        "replace",
        "report",
        "request",
        "reset",
        "resolve",
        "restore",
        "retrieve",
        "return",
        "reverse",
        "rotate",
        "round",
        "run",
        "save",
        "search",
        "send",
        "set",
        "show",
        "shut",
        "shuffle",
        "sort",
        "specify",
        "split",
        "start",
        "stop",
        "store",
        "strip",
        "suppress",
        "swap",
        "terminate",
        "test",
        "transform",
        "translate",
        "truncate",
        "turn",
        "unpack",
        "update",
        "upgrade",
        "upload",
        "use",
        "validate",
        "verify",
        "wait",
        "walk",
        "wrap",
        "write",
        "yield",
    ]
)


def _from_heading(document: Document, heading: Block, first: tuple[int, int]) -> Iterator[_Wording]:
    title = re.sub(r"[`*_#]+", "", document.text[heading.start : heading.end].split("\n")[0]).strip(" .:=-~\t")
    title = re.sub(r"^(?:chapter\s+)?[\d.]+\s+", "", title, flags=re.I)
    words = title.split()
    if not 1 <= len(words) <= 12 and document.language not in ("zh", "ja"):
        return
    if document.language != "en":
        yield "heading", title if title.endswith(("?", "？")) else title.rstrip(".。"), *first
        return
    head = words[0].casefold()
    if title.endswith("?"):
        yield "heading", title, *first
    elif head in _VERBS:
        yield "heading", f"How do I {head} {' '.join(words[1:])}?", *first
    elif head.endswith("ing") and len(words) > 1 and _gerund(head):
        yield "heading", f"How do I {_gerund(head)} {' '.join(words[1:])}?", *first
    elif len(words) > 1:
        yield "heading", f"What should I know about {title}?", *first


def _gerund(word: str) -> str:
    """The verb of which `word` is the -ing form, if the list of verbs knows it."""
    stem = word[:-3]
    doubled = stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem
    return next((form for form in (stem, stem + "e", doubled) if form in _VERBS), "")


def _definition(document: Document, sentence: str, start: int, end: int, position: int) -> Iterator[_Wording]:
    match = _DEFINITION[document.language].match(sentence)
    if match and not _VAGUE.match(match["subject"]) and len(match["subject"].split()) <= 5:
        subject = match["subject"].replace("`", "").replace("*", "")
        subject = subject[0].lower() + subject[1:] if _ARTICLE.match(subject) else subject
        yield "definition", _WHAT_IS[document.language].format(subject), start, end


def _instruction(document: Document, sentence: str, start: int, end: int, position: int) -> Iterator[_Wording]:
    """ "Return the smallest of the arguments." -> "How do I get the smallest of the arguments?"."""
    first, _, rest = sentence.partition(" ")
    verb = first.casefold()
    base = verb if verb in _VERBS else verb.removesuffix("s") if verb.removesuffix("s") in _VERBS else ""
    if not base or not first[:1].isupper() or position > 2 or "\n\n" in sentence:
        return
    rest = re.split(r"[.;:(\n]|, (?:and|but|which|where|if)\b", re.sub(r"[`*]", "", " ".join(rest.split())))[0].strip(
        " ,"
    )
    if 2 <= len(rest.split()) <= 14:
        yield "instruction", f"How do I {_HOW_TO.get(verb, base)} {rest}?", start, end


# a quantity: a number that does not count listings or versions, before a plural
_NUMBER = re.compile(
    r"(?<![A-Z]\w{2})(?:^|(?<=[a-z,(] )|(?<=[a-z]{3} ))(?P<number>\d[\d,.]*)\s?(?P<unit>%|percent\b|[a-z]{3,}s\b)(?<!shows)(?<!uses)(?<!was)(?<!has)"
)
_COUNTED = re.compile(
    r"(?:listing|table|figure|chapter|section|version|line|step|option|page|item|part|pep|python|port|code) $",
    re.IGNORECASE,
)


def _number(document: Document, sentence: str, start: int, end: int, position: int) -> Iterator[_Wording]:
    match = _NUMBER.search(sentence)
    if not match or len(sentence) > 220 or _COUNTED.search(sentence[: match.start()]):
        return
    content = _content(document, sentence[: match.start()] + " " + sentence[match.end() :])
    if len(content) >= 2:
        unit = {"%": "percent"}.get(match["unit"], match["unit"])
        yield "number", f"How many {unit} {' '.join(content[:6])}?", start, end


_WHY = re.compile(r"^(?P<fact>[A-Z][^.;]{15,140}?),?\s+(?:because|since|so that|in order to)\s+(?P<reason>[^.;]{10,})")


def _why(document: Document, sentence: str, start: int, end: int, position: int) -> Iterator[_Wording]:
    match = _WHY.match(sentence)
    if match and not _VAGUE.match(match["fact"]):
        yield "why", f"Why {' '.join(_content(document, match['fact'])[:8])}?", start, end


def _keyword(document: Document, sentence: str, start: int, end: int, position: int) -> Iterator[_Wording]:
    content = _content(document, sentence)
    if len(content) < 4:
        return
    keep = sorted(range(len(content)), key=lambda i: fraction("data/keyword", document.id, start, i))[:5]
    yield (
        "keyword",
        ("" if document.language in ("zh", "ja") else " ").join(content[i] for i in sorted(keep)),
        start,
        end,
    )


def _content(document: Document, sentence: str) -> list[str]:
    """The content words of a sentence as they stand, once each, in order."""
    seen: dict[str, str] = {}
    for stem, start, end in analyzer_for(document.language).words(sentence):
        word = sentence[start:end]
        if word.isalpha() and len(word) > (1 if document.language in ("zh", "ja", "ko") else 2):
            seen.setdefault(stem, word)
    return list(seen.values())


_Maker = Callable[[Document, str, int, int, int], Iterator[_Wording]]
_MAKERS: dict[str, tuple[_Maker, ...]] = {
    "en": (_definition, _instruction, _number, _why, _keyword),
    **{language: (_definition, _keyword) for language in _DEFINITION if language != "en"},
    "": (_keyword,),
}
