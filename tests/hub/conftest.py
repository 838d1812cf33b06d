"""Texts that tokenizers stumble over, and independent peers, shared by the tests of tokenizers."""

from __future__ import annotations

import importlib
import random
import sys
import unicodedata
import warnings
from collections.abc import Callable
from pydoc_data.topics import topics
from types import ModuleType

import pytest

_PICKED = [
    "", " ", "  ", "\n", "\t\r\n", "a", " a", "a ", "  a  b  ", "\u2581", "a\u2581b", "\u2581\u2581 a", "x" * 99,
    "x" * 100, "x" * 101, "x" * 5000, "ab " * 3000, "1,234.56e-7", "os.path.join(a, *b)", "it's", "can't've", "co-op",
    "[CLS]", "[SEP] and [MASK]", "[sep]", "a[SEP]b", "[UNK][PAD]", "<s>", "</s> x", "a <s> b </s>c", "<unk>", "<s",
    "< s >", "e\u0301", "\xe9", "\u1e9e", "\ufb01", "\u0130", "\u0131", "\xdf", "\u03c2\u03c3", "\u01c4", "A\u030a",
    "\u0301", " \u0301a", "\u4e2d\u6587", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\ud55c\uad6d\uc5b4",
    "\u4e2da\u6587b", "\U00020000\U0002f800", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd",
    "\u202eabc\u202c", "\u200fa\u200e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u0939\u093f\u0928\u094d\u0926\u0940", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", "a\U0001f600b", "\x00", "a\x00b", "\x01\x02",
    "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad", "a\xadb", "\u200b", "a\u200bb", "\u200d", "\u2028", "\u2029",
    "\ufeff", "\ufeffabc", "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\u3000", "a\u3000b", "\x1c",
    "a\x1db", "a\x0bb\x0cc", "\u180e", "\u2060", "``''", "\u201cq\u201d", "\u2013\u2014", "...", "!?!?", "$5",
    "\u20ac5", "5\xb0C", "\xbd", "\u2167", "\u2460", "##ing", "##", "#", "un##able", "C++", "C#", "@x", "a_b_c",
    "__init__", "\\n", "\\u0041", "http://a.b/c?d=e&f#g",
]  # fmt: skip


@pytest.fixture(scope="session")
def odd_texts() -> list[str]:
    """More than 1,000 texts: documentation, each Unicode category, mixed scripts, control characters, very long."""
    chance = random.Random(7)
    real = [part for topic in sorted(topics) for part in topics[topic].split("\n\n")]
    texts = _PICKED + chance.sample(real, 400) + [text[:4000] for text in list(topics.values())[:20]]
    by_category: dict[str, list[str]] = {}
    for number in range(sys.maxunicode + 1):
        by_category.setdefault(unicodedata.category(chr(number)), []).append(chr(number))
    del by_category["Cs"]  # no UTF-8, so no tokenizer takes them; tested apart
    for characters in by_category.values():
        for length in (1, 2, 5, 20):
            for _ in range(3):
                some = chance.choices(characters, k=length)
                texts.append("".join(some))
                texts.append("".join(c + chance.choice(["", " ", "a", "\u0301", "\u4e2d"]) for c in some))
    assert len(texts) > 1000
    return texts


@pytest.fixture(scope="session")
def quiet_import() -> Callable[[str], ModuleType]:
    """Import a peer whose own warnings are none of our business; skip where it is not installed."""

    def quietly(name: str) -> ModuleType:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return importlib.import_module(name)
            except ImportError as error:
                pytest.skip(f"the peer {name} cannot be imported: {error}")

    return quietly
