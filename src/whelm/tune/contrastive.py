"""A sentence encoder learns which passage answers: a question's passage against all others of the batch.

    loss = -log softmax(cos(q, .) / tau)[right]                    over all passages of the batch (InfoNCE, van den Oord
                                                                   et al. 2018, arXiv:1807.03748)
         + w * binary cross-entropy of (a cos(q, p) + b)           over the passages p of the question's own set: they
                                                                   are near in topic, and for some questions none answers

The second part sees each pair alone (as in SigLIP, Zhai et al. 2023, arXiv:2303.15343), so that a cosine means the same
whatever stands beside it: that is what a refusal is decided by. Half of the batches hold sets of one collection, whose
passages are as alike as those of one folder.

Shapes: Q questions, P passages, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whelm.core.random import rng
from whelm.data.grounded import GroundedSet
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.models.encoder import Encoder, mean_pool

__all__ = ["ContrastiveLesson", "SentenceModel"]


class SentenceModel(nn.Module):
    """An encoder with the two numbers that turn a cosine into the logit of "answers"."""

    def __init__(self, encoder: Encoder, tokenizer: EncoderTokenizer, max_tokens: int = 128) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.tensor(-6.0))

    def forward(self, texts: Sequence[str]) -> Tensor:
        """returns: [len(texts), D], rows of length 1."""
        ids = self.tokenizer.batch(texts, self.max_tokens)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))  # equal lengths attend in one call
        lengths = [len(ids[i]) for i in order]
        hidden_ND = self.encoder.packed(torch.tensor([token for i in order for token in ids[i]]), lengths)
        vectors_BD = F.normalize(mean_pool(hidden_ND, lengths), dim=1)
        return vectors_BD[torch.tensor(order).argsort()]


class ContrastiveLesson:
    """The loss of each step, a pure function of its number and of the parameters."""

    def __init__(
        self, model: SentenceModel, sets: Sequence[GroundedSet], *, seed: int = 0, sets_a_step: int = 16,
        temperature: float = 0.05, pair_weight: float = 0.7,
    ) -> None:  # fmt: skip
        self.model = model
        self.sets = list(sets)
        self.seed = seed
        self.sets_a_step = sets_a_step
        self.temperature = temperature
        self.pair_weight = pair_weight
        self._epoch = -1
        self._batches: list[list[int]] = []

    @property
    def steps_an_epoch(self) -> int:
        """Steps in which every set is seen about once."""
        return len(self._of_epoch(0))

    def batch(self, step: int) -> list[GroundedSet]:
        """The sets of a step."""
        epoch, place = divmod(step, self.steps_an_epoch)
        return [self.sets[i] for i in self._of_epoch(epoch)[place]]

    def loss(self, step: int) -> Tensor:
        """The loss of a step's sets: a scalar."""
        questions: list[str] = []
        passages: list[str] = []
        right: list[list[int]] = []  # the passages that answer
        own: list[tuple[int, int]] = []  # the passages of the question's set
        for one in self.batch(step):
            first = len(passages)
            passages += [f"{p.title}\n{p.text}" for p in one.passages]
            for question in one.questions:
                questions.append(question.standalone or question.question)
                right.append([first + quote.passage for quote in question.evidence])
                own.append((first, len(passages)))
        vectors = self.model([*questions, *passages])
        cosines_QP = vectors[: len(questions)] @ vectors[len(questions) :].T
        right_QP = torch.zeros_like(cosines_QP)
        own_QP = torch.zeros_like(cosines_QP)
        for row, (golds, (first_own, last_own)) in enumerate(zip(right, own, strict=True)):
            right_QP[row, golds] = 1.0
            own_QP[row, first_own:last_own] = 1.0
        return self._among_all(cosines_QP, right_QP) + self.pair_weight * self._pairs(cosines_QP, right_QP, own_QP)

    def _among_all(self, cosines_QP: Tensor, right_QP: Tensor) -> Tensor:
        """Several passages may answer: their mass counts together."""
        answerable_Q = right_QP.any(1)
        log_p_QP = F.log_softmax(cosines_QP[answerable_Q] / self.temperature, dim=1)
        return -log_p_QP.masked_fill(right_QP[answerable_Q] == 0, -torch.inf).logsumexp(1).mean()

    def _pairs(self, cosines_QP: Tensor, right_QP: Tensor, own_QP: Tensor) -> Tensor:
        """Each pair of a question and a passage of its set by itself; those that do not answer count half."""
        weights_QP = own_QP * (0.5 + 0.5 * right_QP)
        logits_QP = self.model.scale * cosines_QP + self.model.bias
        losses_QP = F.binary_cross_entropy_with_logits(logits_QP, right_QP, reduction="none")
        return (losses_QP * weights_QP).sum() / weights_QP.sum()

    def _of_epoch(self, epoch: int) -> list[list[int]]:
        """The batches of an epoch: half of each collection among themselves, the other half mixed."""
        if epoch != self._epoch:
            generator = rng(self.seed, "contrastive/order", epoch)
            collections: dict[str, list[int]] = {}
            for place, one in enumerate(self.sets):
                collections.setdefault(one.id.partition("-")[0], []).append(place)
            size = self.sets_a_step
            batches: list[list[int]] = []
            mixed: list[int] = []
            for name in sorted(collections):
                places = generator.permutation(collections[name]).tolist()
                alone = len(places) // 2 // size * size
                batches += [places[at : at + size] for at in range(0, alone, size)]
                mixed += places[alone:]
            mixed = generator.permutation(mixed).tolist()
            batches += [mixed[at : at + size] for at in range(0, len(mixed), size)]
            self._batches = [batches[i] for i in generator.permutation(len(batches)).tolist()]
            self._epoch = epoch
        return self._batches
