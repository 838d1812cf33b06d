"""Teaching the cross-encoder: what the cheap signals get wrong, and where the answer stands.

For each question the passages that answer and the rivals near them (by the joint model of cheap signals) are read:

    loss = -log softmax(L_p + r_p over passages, L_0 + c)[right]  +  spans: -log P(start) - log P(end), on passages
                                                                     that answer, quotation and shortest answer

L are the cheap logits, r the residuals; multi-passage normalization as in Clark & Gardner 2017 (arXiv:1710.10723),
the pull against "none" as in SQuAD 2.0. A step reads the questions of one group (a set, a passage), so that a passage goes
through the frozen layers once for several questions. Order of groups: a permutation by name for each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from whelm.answer.cross_encoder import CrossEncoder, CrossRow, make_rows
from whelm.answer.examples import ReadingExample
from whelm.answer.kinds import answer_kinds
from whelm.answer.windows import Window, cut_window
from whelm.core.digest import digest
from whelm.core.random import rng
from whelm.hub.encoder_tokenizer import EncoderTokenizer

__all__ = ["CrossLesson", "PreparedExample"]


@dataclass(frozen=True, slots=True)
class PreparedExample:
    """An example with its cheap logits and what of each passage is read: ready to become rows."""

    example: ReadingExample
    logits: NDArray[np.float64]
    none: float
    sentences: list[tuple[list[tuple[int, int]], NDArray[np.float32]]]


class CrossLesson:
    """The loss of each step, a pure function of its number and of the parameters."""

    def __init__(
        self, model: CrossEncoder, tokenizer: EncoderTokenizer, prepared: Sequence[PreparedExample],
        weight_of: Callable[[str], float], *, seed: int = 0, num_passages: int = 3, questions_a_step: int = 8,
        max_window: int = 112, span_weight: float = 0.5, margin: float = 2.5,
    ) -> None:  # fmt: skip
        self.model = model
        self.tokenizer = tokenizer
        self.weight_of = weight_of
        self.seed = seed
        self.num_passages = num_passages
        self.max_window = max_window
        self.span_weight = span_weight
        self.margin = margin
        self.batches = _batches(prepared, questions_a_step)

    def fingerprint(self) -> str:
        """What the lesson consists of; a checkpoint of another one is not continued from."""
        return digest([
            [self.seed, self.num_passages, self.max_window, self.span_weight, self.margin],
            [[one.example.question, one.example.group, [round(float(x), 6) for x in one.logits]]
             for batch in self.batches for one in batch],
        ])  # fmt: skip

    def batch(self, step: int) -> list[PreparedExample]:
        """The questions of a step."""
        epoch, place = divmod(step, len(self.batches))
        return self.batches[int(rng(self.seed, "cross/order", epoch).permutation(len(self.batches))[place])]

    def loss(self, step: int) -> Tensor:
        """The mean loss of a step's questions."""
        rows: list[CrossRow] = []
        targets: list[tuple[PreparedExample, list[int], list[list[tuple[int, int, int, int]]]]] = []
        for one in self.batch(step):
            chosen = self.choose(one)
            own, spans = self._rows(one, chosen)
            rows += own
            targets.append((one, chosen, spans))
        out = self.model(rows)
        losses, at = [], 0
        for one, chosen, spans in targets:
            logits = torch.tensor(one.logits[chosen], dtype=torch.float32) + out.residual_R[at : at + len(chosen)]
            none = torch.tensor([one.none], dtype=torch.float32) + self.model.none
            wanted = torch.tensor([float(p in one.example.golds) for p in chosen] + [float(not one.example.golds)])
            log_p = torch.log_softmax(torch.cat([logits, none]), 0)
            # several passages may answer: their mass counts together, and a little each
            loss = -torch.logsumexp(log_p[wanted > 0], 0)
            for place, four in enumerate(spans):
                loss = loss + self.span_weight * _span_loss(out.spans[at + place], four)
            losses.append(loss)
            at += len(chosen)
        return torch.stack(losses).mean()

    def choose(self, one: PreparedExample) -> list[int]:
        """The passages that answer and the rivals that come near them: an easy rival teaches little and costs as much."""
        golds = sorted(one.example.golds, key=lambda p: -one.logits[p])[: self.num_passages]
        rivals = [int(p) for p in np.argsort(-one.logits, kind="stable") if p not in one.example.golds]
        best = max((one.logits[p] for p in golds), default=one.logits.max() if len(one.logits) else 0.0)
        near = [p for p in rivals if one.logits[p] >= best - self.margin]
        return golds + near[: self.num_passages - len(golds)]

    def _rows(
        self, one: PreparedExample, chosen: Sequence[int]
    ) -> tuple[list[CrossRow], list[list[tuple[int, int, int, int]]]]:
        """Rows of the chosen passages, and for each the token targets (quotation, shortest answer; -1 unknown)."""
        example = one.example
        windows: list[tuple[str, Window]] = []
        for p in chosen:
            keep = [(a, b) for q, a, b in example.tight or example.spans if q == p]
            spans, fits = one.sentences[p]
            window = cut_window(example.passages[p].text, spans, fits, self.max_window, keep[:1])
            windows.append((example.passages[p].title, window))
        rows = make_rows(
            self.tokenizer, example.question, windows, self.weight_of,
            answer_kinds(example.question, example.language), self.max_window, language=example.language,
        )  # fmt: skip
        wanted = []
        for p, (_, window), row in zip(chosen, windows, rows, strict=True):
            quote = _first_target(row, window, [(a, b) for q, a, b in example.spans if q == p])
            short = _first_target(row, window, [(a, b) for q, a, b in example.tight if q == p])
            wanted.append([(*quote, *short)] if quote != (-1, -1) or short != (-1, -1) else [])
        return rows, wanted


def _batches(prepared: Sequence[PreparedExample], size: int) -> list[list[PreparedExample]]:
    """Questions over the same passages together, in batches of about `size`."""
    groups: dict[tuple[str, ...], list[PreparedExample]] = {}
    for one in prepared:
        gold = [one.example.passages[p].text for p in sorted(one.example.golds)[:1]]
        key = tuple(gold) if one.example.kind == "span" else (one.example.group,)
        groups.setdefault(key, []).append(one)
    batches: list[list[PreparedExample]] = []
    for members in groups.values():
        for at in range(0, len(members), size):
            part = members[at : at + size]
            if batches and len(batches[-1]) + len(part) <= size:
                batches[-1] += part
            else:
                batches.append(part)
    return batches


def _first_target(row: CrossRow, window: Window, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first of the spans that lies in the window, as (first token, last token), or (-1, -1)."""
    for start, end in spans:
        a, b = window.from_passage(start), window.from_passage(max(start, end - 1))
        if a is None or b is None:
            continue
        inside = [t for t, (x, y) in enumerate(row.offsets) if x <= b and y > a and y > x]
        if inside:
            return inside[0], inside[-1]
    return -1, -1


def _span_loss(logits_T4: Tensor, targets: Sequence[tuple[int, int, int, int]]) -> Tensor:
    loss = logits_T4.new_zeros(())
    for target in targets:
        for column, place in enumerate(target):
            if 0 <= place < len(logits_T4):
                loss = loss + 0.5 * F.cross_entropy(logits_T4[None, :, column], torch.tensor([place]))
    return loss
