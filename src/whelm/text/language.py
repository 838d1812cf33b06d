"""Which language is a text in?

Scripts first: where Hangul, kana, Han, Greek, Thai, ... prevail, the script names the language. Else a linear model
over hashed character n-grams (n = 1 to 5, word boundaries included) scores the languages of the prevailing script:

    argmax_L  sum_g log(1 + count_g) W[hash(g), L] / |log(1 + count)|  + bias_L   (softmax regression, weights int8)

The weights (`assets/text/language.npz`) were fitted by `language_fit.py` on the Universal Declaration of Human Rights
(free text), the translations in Django (BSD-3), PEPs (public domain) and this package's stop words.

Accuracy for en de fr es it pt nl sv da no fi pl cs ru tr zh ja ko: paragraphs of the declaration that were not fitted
151 of 151, their first 50 characters 0.993, first 20 0.927 (the two constants below were chosen with these in view).
Never looked at before: translations in django-allauth (17 languages, no English), pieces of 320 characters 0.999, of
120 0.980, of 50 0.942; no and da are confused most. Serbian in Latin letters counts as Croatian.
Text with few words, or none that tells (code, tables), gets the default. Cost: 0.7 ms for 5,000 characters.
"""

from __future__ import annotations

import functools
import math
import re
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LanguageModel", "detect_language", "language_scores", "ngram_features", "prose_of"]

LOOKED_AT = 5000  # characters
# scripts that one language (of those that this package treats apart) is written in
_ONE_LANGUAGE = {
    "el": "\u0370-\u03ff\u1f00-\u1fff", "hy": "\u0530-\u058f", "he": "\u0590-\u05ff", "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f", "gu": "\u0a80-\u0aff", "ta": "\u0b80-\u0bff", "te": "\u0c00-\u0c7f", "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f", "si": "\u0d80-\u0dff", "th": "\u0e00-\u0e7f", "lo": "\u0e80-\u0eff", "my": "\u1000-\u109f",
    "ka": "\u10a0-\u10ff", "am": "\u1200-\u137f", "km": "\u1780-\u17ff", "bo": "\u0f00-\u0fff",
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af", "kana": "\u3041-\u30fa\u31f0-\u31ff\uff66-\uff9f",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
}  # fmt: skip
_GROUPS = {
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff", "cyrillic": "\u0400-\u052f",
    "arabic": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufefc", "devanagari": "\u0900-\u097f",
}  # fmt: skip
# one Han character or syllable writes what takes about three letters: in "使用 apt 安装 Debian" Chinese prevails
_WEIGHT = {"zh": 3.0, "kana": 3.0, "ko": 3.0}
_TAGS = re.compile("<[^<>]{1,300}>")
_CODE = re.compile("(?P<fence>```|~~~|``|`)(?:(?!(?P=fence)).){1,2000}(?P=fence)", re.DOTALL)
# words between white space and punctuation: paths, addresses, identifiers, placeholders say nothing of the language
_WORDS = re.compile(
    "(?<![^\\s(\\[{\"'“„«‘*—–-])[^\\W\\d_](?:[^\\W\\d_]|[\u0300-\u036f\u0610-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u200c\u200d])*+"
    "(?:['’‑-][^\\W\\d_]+){0,3}+(?=[.,;:!?)\\]}\"'”“»’*—–…،؟۔।]*(?:\\s|$))"
)
_MIN_LETTERS = 8
# nats that a language is ahead before a word is read: the default, and those that most documents are written in
_DEFAULT_BONUS, _COMMON_BONUS = 1.2, 1.0
_COMMON = frozenset({
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "hu", "ro", "tr", "ru", "uk",
    "ar", "hi",
})  # fmt: skip


class LanguageModel(NamedTuple):
    """The languages of one script. weights_BL: B hash buckets by L languages, float32; bias_L: float32."""

    weights_BL: NDArray[np.float32]
    bias_L: NDArray[np.float32]
    languages: tuple[str, ...]


def detect_language(text: str, default: str = "en") -> str:
    """ISO 639-1 of the language that prevails in the first 5,000 characters; the default where nothing tells."""
    sample = text[:LOOKED_AT]
    if sample.isascii():
        group = "latin"
    else:
        group = _prevailing_script(sample)
        if group in _ONE_LANGUAGE:
            return group if group != "kana" else "ja"
        if not group:
            return default
    prose = prose_of(sample)
    if len(prose) < _MIN_LETTERS:
        return default
    scores = language_scores(prose, group)
    if not scores:
        return default
    for name in scores:
        scores[name] += _DEFAULT_BONUS * (name == default) + _COMMON_BONUS * (name in _COMMON)
    return max(scores, key=scores.__getitem__)


def language_scores(prose: str, group: str) -> dict[str, float]:
    """Log-probability of each language of a group, by n-grams alone. `prose`: lower-case words parted by spaces."""
    group_model = _models().get(group)
    if group_model is None:
        return {}
    places, values = ngram_features(prose, len(group_model.weights_BL))
    logits = values @ group_model.weights_BL.take(places, axis=0) + group_model.bias_L
    top = float(logits.max())
    total = top + math.log(float(np.exp(logits - top).sum()))
    return {name: float(logit) - total for name, logit in zip(group_model.languages, logits, strict=True)}


def ngram_features(prose: str, buckets: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """(occupied buckets, values): log(1 + count) of the hashed n-grams, scaled to length 1."""
    codes = np.frombuffer(f" {prose} ".encode("utf-32-le"), dtype=np.uint32)
    hashes = []
    rolling = np.zeros(len(codes), dtype=np.uint32)
    for n in range(1, 6):
        if n > len(codes):
            break
        rolling = rolling[: len(codes) - n + 1] * np.uint32(0x01000193) + codes[n - 1 :] + np.uint32(n)
        mixed = rolling * np.uint32(0x9E3779B1)
        hashes.append((mixed ^ (mixed >> np.uint32(15))) & np.uint32(buckets - 1))
    counts = np.bincount(np.concatenate(hashes), minlength=buckets)
    places = np.flatnonzero(counts)
    values = np.log1p(counts[places]).astype(np.float32)
    return places, (values / np.linalg.norm(values)).astype(np.float32)


def prose_of(sample: str) -> str:
    """The words of running text, lower case, parted by spaces; code, tags and addresses left out."""
    if "`" in sample or "~~~" in sample:
        sample = _CODE.sub(" ", sample)
    if "<" in sample:
        sample = _TAGS.sub(" ", sample)
    return " ".join(_WORDS.findall(sample)).replace("’", "'").lower()


def _prevailing_script(sample: str) -> str:
    starts, owners, names = _script_table()
    codes = np.frombuffer(sample.encode("utf-32-le", errors="replace"), dtype=np.uint32)
    totals = np.bincount(owners[np.searchsorted(starts, codes, side="right")], minlength=len(names))
    counts = {name: float(total) * _WEIGHT.get(name, 1.0) for name, total in zip(names, totals, strict=True) if name}
    # Japanese is known by its kana, however many Han characters stand between
    if counts["kana"] * 10 > counts["zh"]:
        counts["kana"] += counts.pop("zh")
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else ""


@functools.cache
def _script_table() -> tuple[NDArray[np.uint32], NDArray[np.intp], list[str]]:
    """Code points at which a range begins or ends, the owner of each stretch between them, and the owners' names."""
    names = ["", *_ONE_LANGUAGE, *_GROUPS]
    ranges = sorted(
        (ord(low), ord(high) + 1, names.index(name))
        for name, text in (_ONE_LANGUAGE | _GROUPS).items()
        for low, high in re.findall("(.)-(.)", text)
    )
    starts: list[int] = []
    owners = [0]
    for low, high, owner in ranges:
        starts += [low, high]
        owners += [owner, 0]
    # where one range begins just where another ends, the later entry of equal starts wins with side="right"
    return np.array(starts, dtype=np.uint32), np.array(owners, dtype=np.intp), names


@functools.cache
def _models() -> dict[str, LanguageModel]:
    with resources.files("whelm").joinpath("assets", "text", "language.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        weights = arrays["weights"].astype(np.float32) * arrays["scale"]
        bias, languages, groups = arrays["bias"], arrays["languages"].tolist(), arrays["groups"].tolist()
    models = {}
    for group in dict.fromkeys(groups):
        columns = [column for column, name in enumerate(groups) if name == group]
        models[group] = LanguageModel(
            np.ascontiguousarray(weights[:, columns]), bias[columns], tuple(languages[column] for column in columns)
        )
    return models
