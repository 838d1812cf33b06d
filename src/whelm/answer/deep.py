"""Reading with the cross-encoder: residual scores, and where in the passage the answer stands.

    window (at most `MAX_WINDOW` tokens of the best sentences) -> rows -> one forward pass for all candidates
    quotation       argmax over a <= b of start_a + end_b, both in one passage, at most `MAX_QUOTE` tokens apart
    shortest answer the same over the other two heads, at most `MAX_TIGHT` tokens

A span's probability is the product of its two softmaxes. Offsets are those of the passage's text. Only the taught
tensors are stored; the frozen ones come from the encoder's own file, whose digest is checked on loading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from whelm.answer.cross_encoder import CrossEncoder, CrossRow, make_rows
from whelm.answer.kinds import answer_kinds
from whelm.answer.signals import Passage
from whelm.answer.windows import Window, cut_window
from whelm.core.errors import CorruptError
from whelm.hub.encoder_files import load_encoder
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.hub.safetensors_file import read_tensors, write_tensors
from whelm.hub.weights import ENCODER, find_weights

__all__ = ["MAX_WINDOW", "DeepReader", "DeepReading"]

MAX_WINDOW = 112
"""Tokens of a passage that are read; with the question about 130, or 20 ms on two cores."""
MAX_QUOTE = 96
MAX_TIGHT = 20

Sentences = tuple[list[tuple[int, int]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class DeepReading:
    """What the cross-encoder says of one passage; offsets count characters of its text."""

    residual: float
    quote: tuple[int, int, float]  # start, end, probability
    tight: tuple[int, int, float]
    mass: NDArray[np.float32]  # of the quotation's start, for each sentence of the passage


class DeepReader:
    """A taught cross-encoder with its tokenizer."""

    def __init__(self, model: CrossEncoder, tokenizer: EncoderTokenizer) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @classmethod
    def untaught(cls) -> DeepReader | None:
        """From the encoder's weights, or None where they are not on this machine."""
        files = find_weights(ENCODER)
        if files is None:
            return None
        encoder, tokenizer = load_encoder(files)
        return cls(CrossEncoder(encoder), tokenizer)

    def read(
        self, question: str, passages: Sequence[Passage], sentences: Sequence[Sentences],
        weight_of: Callable[[str], float],
    ) -> list[DeepReading]:  # fmt: skip
        """One reading a passage; `sentences` holds each passage's sentences and how well they fit."""
        if not passages:
            return []
        windows = [
            (p.title, cut_window(p.text, spans, fits, MAX_WINDOW))
            for p, (spans, fits) in zip(passages, sentences, strict=True)
        ]
        rows = make_rows(self.tokenizer, question, windows, weight_of, answer_kinds(question), MAX_WINDOW)
        with torch.inference_mode():
            out = self.model(rows)
        return [
            _reading(float(residual), logits.numpy(), row, window, spans)
            for residual, logits, row, (_, window), (spans, _) in zip(
                out.residual_R, out.spans, rows, windows, sentences, strict=True
            )
        ]

    def save(self, path: Path) -> None:
        """The taught tensors alone."""
        write_tensors(path, {n: p.detach().numpy() for n, p in self.model.named_parameters() if p.requires_grad})

    @classmethod
    def load(cls, path: Path) -> DeepReader | None:
        """What `save` wrote, upon the weights it was taught from; None where those are missing."""
        reader = cls.untaught()
        if reader is None:
            return None
        stored = read_tensors(path)
        wanted = {n: p for n, p in reader.model.named_parameters() if p.requires_grad}
        if {n: a.shape for n, a in stored.items()} != {n: tuple(p.shape) for n, p in wanted.items()}:
            raise CorruptError(f"{path}: its tensors are not those of this reader", "build again")
        for name, parameter in wanted.items():
            parameter.data.copy_(torch.from_numpy(stored[name]))
        return reader


def _reading(
    residual: float, logits_T4: NDArray[np.float32], row: CrossRow, window: Window, spans: Sequence[tuple[int, int]]
) -> DeepReading:
    inside = np.array([a >= 0 and b > a for a, b in row.offsets], bool)  # not the title's
    if not inside.any():
        end = len(window.text)
        nothing = (window.to_passage(0), window.to_passage(end), 0.0)
        return DeepReading(residual, nothing, nothing, np.zeros(len(spans), np.float32))
    log_p = np.where(inside[:, None], logits_T4, -1e9).astype(np.float64)
    log_p -= np.log(np.exp(log_p - log_p.max(0)).sum(0)) + log_p.max(0)
    quote = _best_span(log_p[:, 0], log_p[:, 1], MAX_QUOTE)
    tight = _best_span(log_p[:, 2], log_p[:, 3], MAX_TIGHT)
    starts = np.array([a for a, _ in spans])
    mass = np.zeros(len(spans), np.float32)
    for (a, _), p, ok in zip(row.offsets, np.exp(log_p[:, 0]), inside, strict=True):
        if ok and len(spans):
            mass[max(0, int(np.searchsorted(starts, window.to_passage(a), side="right")) - 1)] += p
    return DeepReading(residual, _in_passage(quote, row, window), _in_passage(tight, row, window), mass)


def _best_span(start_T: NDArray[np.float64], end_T: NDArray[np.float64], longest: int) -> tuple[int, int, float]:
    """argmax of start[a] + end[b] over a <= b < a + longest, by one pass over the diagonals' band."""
    T = len(start_T)
    sums = start_T[:, None] + end_T[None, :]
    sums[~(np.tri(T, T, longest - 1, bool) & ~np.tri(T, T, -1, bool))] = -np.inf
    a, b = divmod(int(np.argmax(sums)), T)
    return a, b, float(np.exp(sums[a, b]))


def _in_passage(span: tuple[int, int, float], row: CrossRow, window: Window) -> tuple[int, int, float]:
    first, last, probability = span
    start = window.to_passage(row.offsets[first][0])
    end = window.to_passage(row.offsets[last][1] - 1) + 1
    if end <= start:  # the window's parts keep their order, so this needs a span over a cut
        end = start + row.offsets[first][1] - row.offsets[first][0]
    return start, end, probability
