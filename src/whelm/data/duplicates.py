"""Exact and near duplicates among documents: MinHash over word 5-grams, verified exactly.

Documents are near duplicates where the Jaccard similarity of their sets of 5-word shingles is at least 0.8. Candidates
come from MinHash (Broder 1997): 64 hash functions in 16 bands of 4, so that a pair at 0.8 is met with probability
1 - (1 - 0.8^4)^16 = 0.9998; every candidate is verified on the shingles themselves. Linked documents form groups, and
each names the smallest id of its group as its twin: the result does not depend on order, and documents added elsewhere
change nothing. About 0.4 ms a short document, 2 MB of text a second.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whelm.core.types import Document

__all__ = ["Twin", "jaccard", "mark_duplicates", "shingles"]

THRESHOLD = 0.8
WORDS = 5
BANDS, ROWS = 16, 4
# a bucket holds what shares a band; beyond this many members, each is compared with the nearest ids only
MOST_COMPARISONS = 200

_TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_ODD = np.random.default_rng(20240229)
_MULTIPLIERS = _ODD.integers(0, 1 << 63, size=BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_ADDENDS = _ODD.integers(0, 1 << 63, size=BANDS * ROWS, dtype=np.uint64)


class Twin(NamedTuple):
    """The document that another one repeats, and how closely."""

    of: str
    kind: Literal["exact", "near"]


def mark_duplicates(documents: Iterable[Document], threshold: float = THRESHOLD) -> dict[str, Twin]:
    """Duplicate id -> the smallest id that says the same; documents without a twin are absent."""
    exact: dict[bytes, list[str]] = defaultdict(list)
    kept: dict[bytes, NDArray[np.uint64]] = {}
    signatures: dict[bytes, NDArray[np.uint32]] = {}
    for document in documents:
        digest = hashlib.sha256(" ".join(document.text.split()).encode("utf-8", "surrogatepass")).digest()
        exact[digest].append(document.id)
        if digest not in kept:
            kept[digest] = found = shingles(document.text)
            if len(found):
                signatures[digest] = _signature(found)
    smallest = {digest: min(ids) for digest, ids in exact.items()}
    groups = _group(kept, signatures, smallest, threshold)
    twins: dict[str, Twin] = {}
    for digest, ids in exact.items():
        root = groups.get(digest, digest)
        head = smallest[root]
        for identifier in ids:
            if identifier != head:
                twins[identifier] = Twin(head, "exact" if root == digest else "near")
    return dict(sorted(twins.items()))


def shingles(text: str) -> NDArray[np.uint64]:
    """Sorted distinct hashes of the text's 5-word runs (of all its words, where it has fewer); CJK by character."""
    words = _TOKEN.findall(text.casefold())
    if not words:
        return np.empty(0, dtype=np.uint64)
    codes: dict[str, int] = {}
    hashes = np.fromiter(
        (codes.get(word) or codes.setdefault(word, _word_hash(word)) for word in words), np.uint64, len(words)
    )
    if len(hashes) < WORDS:
        hashes = np.concatenate([hashes, np.zeros(WORDS - len(hashes), dtype=np.uint64)])
    count = len(hashes) - WORDS + 1
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(WORDS):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[offset : offset + count]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """Size of the intersection over that of the union, of two sets as sorted arrays."""
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def _word_hash(word: str) -> int:
    raw = word.encode("utf-8", "surrogatepass")
    return (zlib.crc32(raw) << 32 | zlib.adler32(raw)) or 1


def _signature(found: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The least value of each hash function over the shingles; the high half of a 64-bit product is well mixed."""
    least = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(found), 4096):
        part = found[start : start + 4096, None] * _MULTIPLIERS + _ADDENDS
        part ^= part >> np.uint64(31)
        np.minimum(least, (part * _MULTIPLIERS).min(axis=0), out=least)
    return (least >> np.uint64(32)).astype(np.uint32)


def _group(
    kept: dict[bytes, NDArray[np.uint64]],
    signatures: dict[bytes, NDArray[np.uint32]],
    smallest: dict[bytes, str],
    threshold: float,
) -> dict[bytes, bytes]:
    """Union-find over verified pairs; each text's root is the one whose id is smallest."""
    parent: dict[bytes, bytes] = {}

    def find(item: bytes) -> bytes:
        while (above := parent.get(item, item)) != item:
            parent[item] = parent.get(above, above)
            item = above
        return item

    compared: set[tuple[bytes, bytes]] = set()
    for members in _buckets(signatures):
        members.sort(key=smallest.__getitem__)
        for position, item in enumerate(members):
            for other in members[max(0, position - MOST_COMPARISONS) : position]:
                a, b = find(item), find(other)
                if a == b or (other, item) in compared:
                    continue
                compared.add((other, item))
                if (
                    _may_be_twins(kept, signatures, item, other, threshold)
                    and jaccard(kept[item], kept[other]) >= threshold
                ):
                    low, high = sorted((a, b), key=smallest.__getitem__)
                    parent[high] = low
    return {item: find(item) for item in signatures}


def _may_be_twins(
    kept: dict[bytes, NDArray[np.uint64]],
    signatures: dict[bytes, NDArray[np.uint32]],
    a: bytes,
    b: bytes,
    threshold: float,
) -> bool:
    """Cheap necessary conditions: sizes near enough, and an estimate within four standard errors."""
    small, large = sorted((len(kept[a]), len(kept[b])))
    if small < threshold * large:
        return False
    return float(np.mean(signatures[a] == signatures[b])) >= threshold - 0.2


def _buckets(signatures: dict[bytes, NDArray[np.uint32]]) -> Iterable[list[bytes]]:
    for band in range(BANDS):
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for digest, signature in signatures.items():
            found[signature[band * ROWS : (band + 1) * ROWS].tobytes()].append(digest)
        yield from (members for members in found.values() if len(members) > 1)
