"""The loop: resumes to the bit, heeds a request to stop, refuses a loss that is no number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from whelm.core import stop
from whelm.core.errors import ModelError
from whelm.train.checkpoint import load_checkpoint, save_checkpoint
from whelm.train.loop import LoopConfig, run_loop
from whelm.train.schedule import rise_and_fall


class Line(nn.Module):
    """y = a x + b, with dropout so that the random state counts."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        nn.init.constant_(self.line.weight, 0.1)
        nn.init.zeros_(self.line.bias)


def lesson(model: Line, fail_at: int | None = None, calls: list[int] | None = None):  # type: ignore[no-untyped-def]
    def loss(step: int) -> Tensor:
        if calls is not None:
            calls.append(step)
        if step == fail_at:
            raise KeyboardInterrupt
        x = torch.randn(16, 3)  # from the generator that the loop seeds by step
        y = x @ torch.tensor([1.0, -2.0, 3.0])
        return ((model.line(nn.functional.dropout(x, 0.1))[:, 0] - y) ** 2).mean()

    return loss


def test_it_learns() -> None:
    model = Line()
    result = run_loop(model, lesson(model), LoopConfig(steps=300, lr=0.05))
    assert result.losses[-1] < 0.2 * result.losses[0]
    assert model.frozen.item() == 1.0


def test_a_killed_run_continues_to_the_same_bits(tmp_path: Path) -> None:
    config = LoopConfig(steps=30, lr=0.05, seed=3)
    whole = Line()
    undisturbed = run_loop(whole, lesson(whole), config)
    broken = Line()
    with pytest.raises(KeyboardInterrupt):
        run_loop(broken, lesson(broken, fail_at=17), config, scratch=tmp_path, key="k", checkpoint_every=5)
    again = Line()
    calls: list[int] = []
    result = run_loop(again, lesson(again, calls=calls), config, scratch=tmp_path, key="k", checkpoint_every=5)
    assert result.resumed_at == 15 and calls[0] == 15
    assert result.losses == undisturbed.losses  # those before the kill included
    assert torch.equal(again.line.weight, whole.line.weight) and torch.equal(again.line.bias, whole.line.bias)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    config = LoopConfig(steps=6, lr=0.05)
    first = Line()
    run_loop(first, lesson(first), config, scratch=tmp_path, key="k")
    again = Line()
    assert len(run_loop(again, lesson(again, fail_at=0), config, scratch=tmp_path, key="k").losses) == 6
    assert torch.equal(again.line.weight, first.line.weight)


def test_a_checkpoint_of_another_run_or_a_broken_one_counts_for_nothing(tmp_path: Path) -> None:
    config = LoopConfig(steps=6, lr=0.05)
    model = Line()
    run_loop(model, lesson(model), config, scratch=tmp_path, key="one")
    other = Line()
    assert run_loop(other, lesson(other), config, scratch=tmp_path, key="two").resumed_at == 0
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    assert load_checkpoint(path, "two") is None
    path.write_bytes(b"\x80\x04garbage")
    assert load_checkpoint(path, "two") is None
    assert load_checkpoint(tmp_path / "absent", "two") is None


def test_a_request_to_stop_saves_and_leaves(tmp_path: Path) -> None:
    config = LoopConfig(steps=20, lr=0.05)
    model = Line()
    plain = lesson(model)

    def loss(step: int) -> Tensor:
        if step == 4:
            stop.request()
        return plain(step)

    try:
        with pytest.raises(stop.Interrupted):
            run_loop(model, loss, config, scratch=tmp_path, key="k")
    finally:
        stop.clear()
    found = load_checkpoint(tmp_path / "checkpoint.safetensors", "k")
    assert found is not None and found[1] == 5


def test_a_loss_that_is_no_number_is_an_error() -> None:
    model = Line()
    with pytest.raises(ModelError, match="step 0 is nan"):
        run_loop(model, lambda step: model.line.weight.sum() * float("nan"), LoopConfig(steps=3))


def test_rates_by_group() -> None:
    model = Line()
    before = model.line.bias.detach().clone()
    run_loop(model, lesson(model), LoopConfig(steps=3, lr=1e-9), lr_of={"line.weight": 0.5})
    assert (model.line.weight - 0.1).abs().max() > 0.1
    assert (model.line.bias - before).abs().max() < 1e-6


def test_the_rate_rises_then_falls_to_nothing() -> None:
    factors = [rise_and_fall(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and max(factors) == 1.0 and factors[-1] == pytest.approx(1 / 90)
    assert factors[:10] == sorted(factors[:10]) and factors[10:] == sorted(factors[10:], reverse=True)
    assert rise_and_fall(0, 1) == 1.0


def test_a_checkpoint_keeps_values_and_dtypes(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3, dtype=torch.int64)}
    save_checkpoint(tmp_path / "deep" / "c.safetensors", tensors, 7, "k")
    found = load_checkpoint(tmp_path / "deep" / "c.safetensors", "k")
    assert found is not None and found[1] == 7
    assert all(torch.equal(found[0][n], t) and found[0][n].dtype == t.dtype for n, t in tensors.items())
