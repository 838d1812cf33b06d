"""A small cross-encoder: question and passage attend to each other in the upper layers of a sentence encoder.

    lower layers (frozen)   question alone, window of the passage alone      as in DeFormer, Cao et al. 2020,
    + E m                   marks of each token: shared words, kinds, fit    arXiv:2005.00697
    upper layers (taught)   [question ; window] together, every token sees every other
    residual                r = u . tanh(W [mean question ; mean window ; first token])
    spans                   logits of start and end for each token of the window, for the quotation and for the
                            shortest answer

The score of a passage is the joint model's logit plus r, and u starts at zero: an untaught cross-encoder ranks
exactly as the cheap signals do. The lower layers see each text alone, so a passage is run through them once for all
questions of a batch. Cost: lower + upper layers over the window's tokens, about 20 ms for 100 tokens on two cores.

Shapes: R rows (question, window), N tokens of all rows, D width, M marks.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whelm.answer.windows import Window
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.models.encoder import Encoder
from whelm.text.analyzer import analyzer_for

__all__ = ["CrossEncoder", "CrossOutput", "CrossRow", "NUM_MARKS", "make_rows"]

NUM_MARKS = 9


@dataclass(frozen=True, slots=True)
class CrossRow:
    """A question with one window, as tokens. marks: float32 [question + window tokens, NUM_MARKS]."""

    question_ids: tuple[int, ...]
    window_ids: tuple[int, ...]  # with [CLS] and [SEP] around them
    offsets: tuple[tuple[int, int], ...]  # of the window's tokens between these two, in the window's text
    marks: NDArray[np.float32]

    @property
    def length(self) -> int:
        return len(self.question_ids) + len(self.window_ids)


@dataclass(frozen=True, slots=True)
class CrossOutput:
    """residual_R; for each row the logits of its window's inner tokens: spans[r] is [tokens, 4]."""

    residual_R: Tensor
    spans: list[Tensor]  # quotation start, end, shortest answer start, end


class CrossEncoder(nn.Module):
    """The upper layers and heads over frozen lower layers."""

    def __init__(self, encoder: Encoder, split: int = 3, hidden: int = 64) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).float()
        self.split = split
        self.encoder.freeze_below(split)
        D = encoder.config.width
        self.kind = nn.Parameter(torch.zeros(2, D))  # question or window
        self.none = nn.Parameter(torch.zeros(1))  # added to the logit of "no passage answers"
        self.mark = nn.Linear(NUM_MARKS, D, bias=False)
        self.pool = nn.Linear(3 * D, hidden)
        self.residual = nn.Linear(hidden, 1)
        self.span = nn.Linear(D, 4)
        self.span_mark = nn.Linear(NUM_MARKS, 4, bias=False)
        for part in (self.mark, self.residual, self.span, self.span_mark):
            nn.init.zeros_(part.weight)
        nn.init.zeros_(self.residual.bias)
        nn.init.zeros_(self.span.bias)
        nn.init.normal_(self.pool.weight, std=D**-0.5, generator=torch.Generator().manual_seed(0))
        nn.init.zeros_(self.pool.bias)

    def forward(self, rows: Sequence[CrossRow]) -> CrossOutput:
        """returns: residuals and span logits in the order of the rows."""
        order = sorted(range(len(rows)), key=lambda r: rows[r].length)  # equal lengths attend in one call
        below = self._below(rows)
        parts, marks = [], []
        for r in order:
            parts += [below[rows[r].question_ids] + self.kind[0], below[rows[r].window_ids] + self.kind[1]]
            marks.append(torch.from_numpy(rows[r].marks))
        marks_NM = torch.cat(marks)
        hidden_ND = torch.cat(parts) + self.mark(marks_NM)
        lengths = [rows[r].length for r in order]
        hidden_ND = self.encoder.forward_from(self.split, hidden_ND, lengths)
        logits_N4 = self.span(hidden_ND) + self.span_mark(marks_NM)
        pooled, spans = [], []
        for r, own_TD, own_T4 in zip(order, hidden_ND.split(lengths), logits_N4.split(lengths), strict=True):
            q = len(rows[r].question_ids)
            pooled.append(torch.cat([own_TD[:q].mean(0), own_TD[q:].mean(0), own_TD[0]]))
            spans.append(own_T4[q + 1 : -1])
        residual_R = self.residual(torch.tanh(self.pool(torch.stack(pooled))))[:, 0]
        back = torch.tensor([order.index(r) for r in range(len(rows))])
        return CrossOutput(residual_R[back], [spans[i] for i in back.tolist()])

    def _below(self, rows: Sequence[CrossRow]) -> dict[tuple[int, ...], Tensor]:
        """The frozen layers, once for each distinct text."""
        texts = sorted({r.question_ids for r in rows} | {r.window_ids for r in rows}, key=lambda ids: (len(ids), ids))
        lengths = [len(ids) for ids in texts]
        ids_N = torch.tensor([i for ids in texts for i in ids])
        with torch.no_grad():
            hidden_ND = self.encoder.hidden_below(self.split, ids_N, lengths)
        return dict(zip(texts, hidden_ND.split(lengths), strict=True))


def make_rows(
    tokenizer: EncoderTokenizer, question: str, windows: Sequence[tuple[str, Window]],
    weight_of: Callable[[str], float], kinds: frozenset[str] = frozenset(), max_window: int = 112,
    max_question: int = 40, language: str = "en",
) -> list[CrossRow]:  # fmt: skip
    """Rows of one question with each (title, window); the title stands before the window, at negative offsets.

    weight_of: what a stem weighs (inverse document frequency) · kinds: of answer that the question asks for
    """
    texts = [f"{title[:60]}. {window.text}" if title else window.text for title, window in windows]
    pairs = tokenizer.pairs(question, texts, max_window + max_question, max_question)
    analyzer = analyzer_for(language)
    asked = analyzer.words(question)
    weights = {stem: min(weight_of(stem) / 6.0, 1.5) for stem, _, _ in asked}
    asked_at = _token_of(tokenizer.pair("", question, max_question + 3, 1).offsets, asked)
    rows = []
    for (_, window), text, pair in zip(windows, texts, pairs, strict=True):
        shift = len(text) - len(window.text)
        words = analyzer.words(text)
        found = {stem for stem, _, _ in words}
        q_ids = tuple(pair.ids[: pair.passage.start])
        inner = pair.ids[pair.passage][:max_window]
        offsets = pair.offsets[: len(inner)]
        asked_marks = np.zeros((len(q_ids), NUM_MARKS), np.float32)
        for token, stem in asked_at:  # the question's words: which of them the passage has, and which it lacks
            if token + 1 < len(q_ids):
                asked_marks[token + 1, 0 if stem in found else 1] = weights[stem]
        marks = np.zeros((len(inner) + 2, NUM_MARKS), np.float32)
        for token, stem in _token_of(offsets, [w for w in words if w[0] in weights]):
            marks[token + 1, 2] = weights[stem]
        marks[1:-1, 3:8] = _token_marks(text, shift, window, offsets, kinds)
        padded = np.pad(marks[:, 2], 6)
        marks[:, 8] = np.lib.stride_tricks.sliding_window_view(padded, 13).max(1)  # a shared word stands near
        rows.append(
            CrossRow(
                q_ids, (tokenizer.cls_id, *inner, tokenizer.sep_id), tuple((a - shift, b - shift) for a, b in offsets),
                np.concatenate([asked_marks, marks]),
            )
        )  # fmt: skip
    return rows


def _token_marks(
    text: str, shift: int, window: Window, offsets: Sequence[tuple[int, int]], kinds: frozenset[str]
) -> NDArray[np.float32]:
    """For each token of the window: digit, capital, fit of its sentence, in the best sentence, in the title."""
    top = max(window.fits, default=1.0) or 1.0
    digit = 1.0 if kinds & {"number", "date"} else 0.3
    capital = 1.0 if kinds & {"person", "place"} else 0.3
    marks = np.zeros((len(offsets), 5), np.float32)
    for t, (a, b) in enumerate(offsets):
        fit = window.fit_at(a - shift)
        inside = a >= shift
        marks[t] = (
            digit * any(c.isdigit() for c in text[a:b]), capital * text[a : a + 1].isupper(),
            inside * fit / top, float(inside and fit == top), float(not inside),
        )  # fmt: skip
    return marks


def _token_of(offsets: Sequence[tuple[int, int]], words: Sequence[tuple[str, int, int]]) -> list[tuple[int, str]]:
    """(token, stem) for each token of each word; offsets rise."""
    ends = [b for _, b in offsets]
    out = []
    for stem, start, end in words:
        t = bisect_right(ends, start)
        while t < len(offsets) and offsets[t][0] < end:
            out.append((t, stem))
            t += 1
    return out
