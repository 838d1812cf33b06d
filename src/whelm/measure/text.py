"""Text metrics: does an answer say what the reference says?

SQuAD's definition (Rajpurkar et al. 2016, official evaluate-v1.1/v2.0): lower case, punctuation out, the English
articles out, white space squeezed; exact match compares what is left, F1 counts shared tokens as a multiset:

    F1 = 2 P R / (P + R),   P = |shared| / |prediction|,   R = |shared| / |reference|

Two widenings that change nothing for English ASCII: punctuation of all scripts goes, and Chinese, Japanese, Thai
and their like count by character (as in the MLQA script), since they put no space between words. Articles are
dropped for English only. Symmetric; 1.0 exactly where the multisets are equal. Cost: linear.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = ["answer_tokens", "best_over", "exact_match", "normalize_answer", "token_f1"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
# scripts that write words without spaces: Thai, Lao, Tibetan, Myanmar, Khmer, kana, bopomofo, Han (Hangul has spaces)
_UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u30ff"
    "\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")


def normalize_answer(text: str, language: str = "en") -> str:
    """The text as SQuAD compares it: lower case, without punctuation, articles (English) and extra white space."""
    text = text.lower()
    if text.isascii():
        text = text.translate(_ASCII_PUNCTUATION)
    else:
        text = unicodedata.normalize("NFKC", text).lower()
        # symbols (S*) stay as SQuAD keeps them, but for those of ASCII that it counts as punctuation
        text = "".join(c for c in text if c not in string.punctuation and unicodedata.category(c)[0] != "P")
    if language.partition("-")[0] in ("", "en"):
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split())


def answer_tokens(text: str, language: str = "en") -> list[str]:
    """The tokens that F1 counts: words, and single characters of scripts that write no spaces."""
    return _TOKEN.findall(normalize_answer(text, language))


def exact_match(prediction: str, reference: str, language: str = "en") -> float:
    """1.0 where both are the same after normalization, else 0.0."""
    return float(answer_tokens(prediction, language) == answer_tokens(reference, language))


def token_f1(prediction: str, reference: str, language: str = "en") -> float:
    """F1 of shared tokens; where one side is empty, 1.0 if both are (as in SQuAD 2.0), else 0.0."""
    predicted, expected = answer_tokens(prediction, language), answer_tokens(reference, language)
    if not predicted or not expected:
        return float(predicted == expected)
    shared = sum((Counter(predicted) & Counter(expected)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


def best_over(prediction: str, references: Sequence[str], language: str = "en") -> tuple[float, float]:
    """(exact match, F1), each the best over several references; no reference means that "" is right."""
    pool = list(references) or [""]
    return (
        max(exact_match(prediction, reference, language) for reference in pool),
        max(token_f1(prediction, reference, language) for reference in pool),
    )
