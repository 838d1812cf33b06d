"""Exact and near duplicates: against brute force on planted copies; stable under order and under what is added."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from whelm.core.types import Document
from whelm.data.duplicates import THRESHOLD, Twin, jaccard, mark_duplicates, shingles


def document(identifier: str, text: str) -> Document:
    return Document(id=identifier, text=text)


def words(source: random.Random, count: int) -> list[str]:
    return [f"w{int(source.paretovariate(0.4)) % 5000}" for _ in range(count)]


def planted(seed: int, originals: int, copies: int) -> list[Document]:
    """Texts, and copies of them with a share of their words replaced, from nearly none to many."""
    source = random.Random(seed)
    texts = [words(source, source.randint(30, 300)) for _ in range(originals)]
    found = [document(f"o{number}", " ".join(text)) for number, text in enumerate(texts)]
    for number in range(copies):
        text = list(source.choice(texts))
        for _ in range(int(len(text) * source.choice([0.0, 0.005, 0.01, 0.02, 0.05, 0.2]))):
            text[source.randrange(len(text))] = "changed"
        found.append(document(f"c{number}", " ".join(text)))
    return found


def by_brute_force(documents: list[Document]) -> dict[str, str]:
    """The slow version: every pair compared on sets of word tuples, groups by repeated merging."""
    grams = {}
    for item in documents:
        parts = item.text.split()
        grams[item.id] = {tuple(parts[at : at + 5]) for at in range(max(1, len(parts) - 4))}
    group = {item.id: {item.id} for item in documents}
    ids = sorted(grams)
    for a in ids:
        for b in ids:
            if a < b and len(grams[a] & grams[b]) / len(grams[a] | grams[b]) >= THRESHOLD and group[a] is not group[b]:
                merged = group[a] | group[b]
                for member in merged:
                    group[member] = merged
    return {item: min(group[item]) for item in ids if item != min(group[item])}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_agrees_with_brute_force(seed: int) -> None:
    documents = planted(seed, 60, 120)
    expected = by_brute_force(documents)
    assert len(expected) > 40
    assert {identifier: twin.of for identifier, twin in mark_duplicates(documents).items()} == expected


def test_order_and_additions_change_nothing() -> None:
    documents = planted(4, 40, 60)
    expected = mark_duplicates(documents)
    shuffled = documents[:]
    random.Random(0).shuffle(shuffled)
    assert mark_duplicates(shuffled) == expected
    more = mark_duplicates([*documents, *(document(f"z{n}", " ".join(words(random.Random(n), 80))) for n in range(50))])
    assert {identifier: twin for identifier, twin in more.items() if not identifier.startswith("z")} == expected


def test_kinds() -> None:
    text = " ".join(f"word{n}" for n in range(100))
    found = mark_duplicates([
        document("b", text), document("a", text.replace(" ", "\n  ")), document("c", text + " more"),
        document("d", "other words here"),
    ])  # fmt: skip
    assert found == {"b": Twin("a", "exact"), "c": Twin("a", "near")}


def test_short_and_empty_texts() -> None:
    found = mark_duplicates(
        [document("a", ""), document("b", "  "), document("c", "one"), document("d", "one two"), document("e", "One")]
    )
    assert found == {"b": Twin("a", "exact"), "e": Twin("c", "near")}


def test_chinese_by_character() -> None:
    text = "这是一个关于软件包管理的文档，说明如何安装和删除软件包，以及如何升级整个系统。" * 2
    found = mark_duplicates([document("a", text), document("b", text + "完"), document("c", text[20:40])])
    assert found == {"b": Twin("a", "near")}


def test_jaccard() -> None:
    a, b = np.array([1, 2, 3], dtype=np.uint64), np.array([2, 3, 4], dtype=np.uint64)
    assert jaccard(a, b) == 0.5 and jaccard(a, a) == 1.0 and jaccard(a[:0], b) == 0.0
    assert len(shingles("a b c d e f")) == 2 and len(shingles("A b C d e")) == 1
    assert shingles("a b c d e")[0] == shingles("A B, C D: e!")[0]


def test_thousands_of_documents_in_seconds() -> None:
    source = random.Random(5)
    documents = [document(f"{n:05}", " ".join(words(source, 120))) for n in range(2000)]
    # a family that differs in a third of its words: many candidates, no twins
    frame = words(source, 100)
    documents += [document(f"t{n}", " ".join(frame[:70] + words(source, 40))) for n in range(500)]
    started = time.process_time()
    mark_duplicates(documents)
    assert time.process_time() - started < 8
