"""The contrastive lesson: its loss by hand, every set once an epoch, and a tiny encoder that learns from it."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from whelm.data.grounded import GroundedSet, parse_set
from whelm.train.loop import LoopConfig, run_loop
from whelm.tune.contrastive import ContrastiveLesson


def _set(name: str, number: int) -> GroundedSet:
    return parse_set({
        "id": f"{name}-{number}", "domain": "d", "language": "en",
        "passages": [{"title": "t", "text": f"{name} {number} first"}, {"title": "t", "text": f"{name} {number} second"}],
        "qas": [
            {"question": f"asks {name} {number} first", "answer": "x [1]",
             "evidence": [{"passage": 1, "quote": f"{name} {number}"}]},
            {"question": f"asks {name} {number} nothing", "answer": None},
        ],
    })  # fmt: skip


class _Bag(nn.Module):
    """A sentence model of learnt word vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, int] = {}
        self.table = nn.Embedding(200, 8)
        nn.init.normal_(self.table.weight, generator=torch.Generator().manual_seed(0))
        self.scale, self.bias = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.tensor(-1.0))

    def forward(self, texts: list[str]) -> Tensor:
        rows = [self.table(torch.tensor([self.words.setdefault(w, len(self.words)) for w in t.split()])) for t in texts]
        return nn.functional.normalize(torch.stack([row.mean(0) for row in rows]), dim=1)


def test_the_loss_is_the_one_in_the_docstring() -> None:
    model = _Bag()
    one = _set("a", 1)
    lesson = ContrastiveLesson(model, [one], sets_a_step=1, temperature=0.1, pair_weight=0.5)  # type: ignore[arg-type]
    with torch.no_grad():
        found = float(lesson.loss(0))
        q, other, *p = model([*(q.question for q in one.questions), *(f"{p.title}\n{p.text}" for p in one.passages)])
        cosines = torch.tensor([[float(q @ p[0]), float(q @ p[1])], [float(other @ p[0]), float(other @ p[1])]])
        among = -torch.log_softmax(cosines[0] / 0.1, 0)[0]
        chance = torch.sigmoid(3.0 * cosines - 1.0)
        pairs = [-torch.log(chance[0, 0]), -0.5 * torch.log(1 - chance[0, 1])]
        pairs += [-0.5 * torch.log(1 - chance[1, 0]), -0.5 * torch.log(1 - chance[1, 1])]
        expected = among + 0.5 * sum(pairs) / 2.5
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_an_epoch_sees_every_set_once_and_half_of_the_batches_are_of_one_collection() -> None:
    sets = [_set(name, number) for name in ("a", "b") for number in range(8)]
    lesson = ContrastiveLesson(_Bag(), sets, sets_a_step=4)  # type: ignore[arg-type]
    assert lesson.steps_an_epoch == 4
    for epoch in range(3):
        batches = [lesson.batch(4 * epoch + place) for place in range(4)]
        assert Counter(s.id for b in batches for s in b) == Counter(s.id for s in sets)
        assert sum(len({s.id.partition("-")[0] for s in b}) == 1 for b in batches) >= 2
    assert [s.id for s in lesson.batch(1)] == [s.id for s in lesson.batch(1)]


def test_it_teaches_which_passage_answers() -> None:
    sets = [_set(name, number) for name in ("a", "b") for number in range(4)]
    model = _Bag()
    lesson = ContrastiveLesson(model, sets, sets_a_step=8)  # type: ignore[arg-type]
    before = float(lesson.loss(0).detach())
    run_loop(model, lesson.loss, LoopConfig(steps=40, lr=0.05))
    assert float(lesson.loss(0).detach()) < 0.5 * before
