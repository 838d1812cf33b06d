"""Fits the weights of `language.py`; run once, when languages or data change, never at run time.

    python -m whelm.text.language_fit langid.jsonl.gz Django-5.2-py3-none-any.whl PEP_FOLDER language.npz

Softmax regression on hashed character n-grams (mini-batch Adam, numpy), on pieces of 12 to 800 characters so that the
scores are calibrated for questions as well as for pages. Each language's pieces come from the declaration's
paragraphs (those with number % 5 == 0 are held out), Django's translations and the stop words. Weights are rounded
to int8. Deterministic given the data and the seed; about three minutes on one core.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.text.language import ngram_features, prose_of
from whelm.text.stopwords import stopwords

__all__ = ["GROUPS", "fit", "pieces", "read_declaration", "read_translations", "save"]

GROUPS = {  # by script; Serbian in Latin letters is told from Croatian by nobody, so it counts as Croatian
    "latin": [
        "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "sk", "hu", "ro", "tr", "ca",
        "hr", "sl", "et", "lv", "lt", "id", "vi", "eo", "eu", "ga", "is", "sq", "cy",
    ],
    "cyrillic": ["ru", "uk", "bg", "sr", "mk", "be", "kk"],
    "arabic": ["ar", "fa", "ur"],
    "devanagari": ["hi", "mr"],
}  # fmt: skip
_FROM_DECLARATION = {"nb": "no", "nn": "no", "ms": "id", "bs": "hr"}
_FROM_DJANGO = {"nb": "no", "nn": "no", "pt_BR": "pt", "es_AR": "es", "es_MX": "es", "bs": "hr"}
_PLACEHOLDER = re.compile(r"%\([^)]*\)\w|%\w|\{[^}]*\}|<[^>]*>|&\w+;|\\.|https?:\S+")
_MESSAGE = re.compile(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
BUCKETS = 8192


def read_declaration(path: Path, *, held_out: bool) -> Iterator[tuple[str, str]]:
    """(language, paragraph) of the Universal Declaration of Human Rights."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            code = row["bcp47"].partition("-")[0]
            if (row["para"] % 5 == 0) == held_out and (row["bcp47"] == code or code in ("zh", "pt", "de", "sr", "ro")):
                yield _FROM_DECLARATION.get(code, code), row["text"]


def read_translations(wheel: Path) -> Iterator[tuple[str, str]]:
    """(language, translated message) of the .po files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            match = re.search(r"/locale/([A-Za-z_]+)/LC_MESSAGES/\w+\.po$", name)
            if not match:
                continue
            code = _FROM_DJANGO.get(match[1], match[1])
            for message in _MESSAGE.findall(archive.read(name).decode("utf-8")):
                text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', message))
                if text and "Content-Type" not in text:
                    yield code, _PLACEHOLDER.sub(" ", text)


def pieces(
    texts: Sequence[str], stops: Sequence[str], foreign: Sequence[str], count: int, random: np.random.Generator
) -> Iterator[str]:
    """Stretches of prose, 12 to 800 characters (log-uniform), of consecutive texts.

    Three tenths mix stop words with words of the texts, for questions and registers that the texts lack. Into three
    tenths go foreign words: names of programs and people do not change the language of what is written about them.
    """
    joined = " ".join(prose_of(text) for text in texts)
    words = joined.split()
    for _ in range(count):
        length = int(np.exp(random.uniform(np.log(12), np.log(800))))
        start = int(random.integers(0, max(1, len(joined) - length)))
        start = joined.find(" ", start) + 1 if start else 0  # whole words
        piece = (joined[start : start + length].rpartition(" ")[0] or joined[start : start + length]).split()
        if stops and random.random() < 0.3:
            share = random.uniform(0.3, 0.9)
            source = [stops if random.random() < share else words for _ in piece]
            piece = [pool[int(random.integers(len(pool)))] for pool in source]
        if foreign and random.random() < 0.3:
            for _ in range(int(random.integers(1, 2 + len(piece) // 3))):
                piece.insert(int(random.integers(len(piece) + 1)), foreign[int(random.integers(len(foreign)))])
        yield " ".join(piece)


def fit(
    texts: Mapping[str, Sequence[str]],
    *,
    buckets: int = BUCKETS,
    pieces_each: int = 4000,
    epochs: int = 6,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str], list[str]]:
    """`texts`: paragraphs by language. Returns: weights_BL, bias_L, the languages and their groups."""
    columns = [(language, group) for group, members in GROUPS.items() for language in members if texts.get(language)]
    group_of = np.array([list(GROUPS).index(group) for _, group in columns])
    random = np.random.default_rng(seed)
    rows, labels = [], []
    english = [word for word in " ".join(map(prose_of, texts["en"])).split() if word not in stopwords("en")]
    for column, (language, group) in enumerate(columns):
        for piece in pieces(
            texts[language],
            sorted(stopwords(language)),
            english if group == "latin" and language != "en" else [],
            pieces_each,
            random,
        ):
            rows.append(ngram_features(piece, buckets))
            labels.append(column)
    labels_N = np.array(labels)
    # other groups' columns do not compete: their logits count as minus infinity
    allowed = group_of[labels_N][:, None] == group_of[None, :]
    weights, bias = _adam(rows, labels_N, allowed, buckets, len(columns), epochs, random)
    return weights, bias, [language for language, _ in columns], [group for _, group in columns]


def save(
    path: Path, weights: NDArray[np.float32], bias: NDArray[np.float32], languages: list[str], groups: list[str]
) -> None:
    """Weights rounded to int8, one scale a language."""
    scale = (np.abs(weights).max(axis=0) / 127).astype(np.float32)
    quantized = np.round(weights / scale).astype(np.int8)
    quantized[np.abs(quantized) <= 2] = 0  # a third of the file, no change in accuracy
    np.savez_compressed(
        path,
        weights=quantized,
        scale=scale,
        bias=bias,
        languages=np.array(languages),
        groups=np.array(groups),
    )


def _adam(
    rows: list[tuple[NDArray[np.intp], NDArray[np.float32]]],
    labels_N: NDArray[np.intp],
    allowed_NL: NDArray[np.bool_],
    buckets: int,
    num_languages: int,
    epochs: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    batch, lr, decay = 256, 0.03, 2e-5
    weights = np.zeros((buckets + 1, num_languages), dtype=np.float32)  # the last row is the bias
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    steps = epochs * (len(rows) // batch)
    step = 0
    for _ in range(epochs):
        order = random.permutation(len(rows))
        for begin in range(0, len(order) - batch + 1, batch):
            chosen = order[begin : begin + batch]
            x_NB = np.zeros((batch, buckets + 1), dtype=np.float32)
            x_NB[:, -1] = 1.0
            for place, row in enumerate(chosen):
                x_NB[place, rows[row][0]] = rows[row][1]
            logits = np.where(allowed_NL[chosen], x_NB @ weights, -1e9)
            probability = np.exp(logits - logits.max(axis=1, keepdims=True))
            probability /= probability.sum(axis=1, keepdims=True)
            probability[np.arange(batch), labels_N[chosen]] -= 1.0
            gradient = x_NB.T @ probability / batch + decay * weights
            step += 1
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient * gradient
            rate = lr * (1 - step / steps)
            weights -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights[:-1], weights[-1]


def main(declaration: Path, wheel: Path, english: Path, out: Path) -> None:
    """Read the three sources, fit, write."""
    texts: dict[str, list[str]] = {}
    for source in (read_declaration(declaration, held_out=False), read_translations(wheel)):
        for language, text in source:
            texts.setdefault(language, []).append(text)
    for file in sorted(english.glob("*.rst"))[::3]:
        texts["en"].append(file.read_text(encoding="utf-8")[:20_000])
    save(out, *fit(texts))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
