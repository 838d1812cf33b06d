"""The one loop: a loss for each step number, AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101), clipping, resume.

    for step in done .. steps:  loss(step) -> gradients -> clip to a norm -> AdamW at lr * factor(step)

The batch of a step is a pure function of its number, and torch's generator is seeded from (seed, step), so a run that
was killed and continued from its checkpoint ends with the same bits as an undisturbed one (on one machine type with
one number of threads). The budget is a number of steps: whoever plans turns seconds into steps once, before the run.
Between two steps a request to stop is heeded: the checkpoint is written, then `Interrupted` raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from whelm.core import stop
from whelm.core.errors import ModelError
from whelm.core.events import PROGRESS, TOTAL, emit
from whelm.core.random import rng
from whelm.train.checkpoint import load_checkpoint, save_checkpoint
from whelm.train.schedule import rise_and_fall

__all__ = ["LoopConfig", "LoopResult", "run_loop"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How a model is taught; part of the key of a run."""

    steps: int
    """Optimizer steps."""
    lr: float = 2e-4
    """Peak learning rate of groups that have none of their own."""
    warm_up_share: float = 0.1
    weight_decay: float = 0.01
    """Of matrices only."""
    betas: tuple[float, float] = (0.9, 0.98)
    """0.98: a run of hundreds of steps has no time to average over thousands of gradients."""
    clip_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.lr <= 0 or self.clip_norm <= 0:
            raise ModelError(f"steps >= 1, lr > 0, clip_norm > 0 expected, found {self}")


@dataclass(frozen=True, slots=True)
class LoopResult:
    """losses: of all steps, those before a resume included; resumed_at: steps done before this process."""

    losses: tuple[float, ...]
    resumed_at: int
    seconds: float


def run_loop(
    model: nn.Module,
    loss_of: Callable[[int], Tensor],
    config: LoopConfig,
    *,
    lr_of: Mapping[str, float] | None = None,
    scratch: Path | None = None,
    key: str = "",
    checkpoint_every: int = 50,
    stage: str = "train",
) -> LoopResult:
    """Teach the parameters of `model` that want gradients.

    loss_of: the loss [scalar] of the batch of a step, a pure function of the step number and the parameters
    lr_of: peak rates by a prefix of the parameter's name; the longest prefix counts
    scratch: a folder that survives a crash; None: no checkpoints · key: names the run, configuration included
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = _optimizer(named, config, lr_of or {})
    path = None if scratch is None else scratch / "checkpoint.safetensors"
    losses = _resume(path, key, named, optimizer)
    done = resumed_at = len(losses)
    started = time.monotonic()
    emit(stage, TOTAL, config.steps, "steps")
    while done < config.steps:
        torch.manual_seed(int(rng(config.seed, "train/step", done).integers(2**63)))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rise_and_fall(done, config.steps, config.warm_up_share)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(done)
        if loss.requires_grad:  # a batch may hold nothing to learn from
            loss.backward()
            nn.utils.clip_grad_norm_(named.values(), config.clip_norm)
            optimizer.step()
        value = float(loss.detach())
        if value != value or value in (float("inf"), float("-inf")):
            raise ModelError(f"the loss of step {done} is {value}", "a lower learning rate helps")
        losses.append(value)
        done += 1
        emit(stage, PROGRESS, done, "steps", done)
        emit(stage, "loss", value, "nats", done)
        if path is not None and (done % checkpoint_every == 0 or done == config.steps or stop.requested()):
            save_checkpoint(path, _state(named, optimizer, losses), done, key)
        stop.check()
    return LoopResult(tuple(losses), resumed_at, time.monotonic() - started)


def _optimizer(named: Mapping[str, nn.Parameter], config: LoopConfig, lr_of: Mapping[str, float]) -> torch.optim.AdamW:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named.items():
        prefixes = [p for p in lr_of if name.startswith(p)]
        peak = lr_of[max(prefixes, key=len)] if prefixes else config.lr
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((peak, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": ps, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), ps in groups.items()],
        betas=config.betas, foreach=True,
    )  # fmt: skip


def _state(
    named: Mapping[str, nn.Parameter], optimizer: torch.optim.AdamW, losses: Sequence[float]
) -> dict[str, Tensor]:
    state = {"losses": torch.tensor(losses, dtype=torch.float64)}
    for name, parameter in named.items():
        state[f"parameter/{name}"] = parameter.data
        for moment, value in optimizer.state.get(parameter, {}).items():
            state[f"{moment}/{name}"] = value
    return state


def _resume(
    path: Path | None, key: str, named: Mapping[str, nn.Parameter], optimizer: torch.optim.AdamW
) -> list[float]:
    """Put parameters and moments back; returns the losses of the steps done, none where there is nothing to go on from."""
    found = load_checkpoint(path, key) if path is not None else None
    if found is None:
        return []
    tensors, done = found
    wanted = {f"parameter/{name}" for name in named}
    if {n for n in tensors if n.startswith("parameter/")} != wanted or len(tensors.get("losses", ())) != done:
        return []
    for name, parameter in named.items():
        parameter.data.copy_(tensors[f"parameter/{name}"])
        moments = {m: tensors[f"{m}/{name}"] for m in ("step", "exp_avg", "exp_avg_sq") if f"{m}/{name}" in tensors}
        if moments:
            optimizer.state[parameter] = moments
    return [float(x) for x in tensors["losses"]]
