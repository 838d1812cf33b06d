"""Low-rank adaptation: a linear layer learns B A beside its frozen W (LoRA, Hu et al. 2021, arXiv:2106.09685).

    y = W x + b + s B A x        A [rank, in] random, B [out, rank] zero: nothing changes before the first step

With rank 16 a model of 22 million parameters learns 0.6 million, and the gradient of W, two thirds of the cost of a
backward pass, is never computed. `factors` gives what was learnt, to be written (`hub/low_rank_file.py`) and merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["LowRankLinear", "adapt", "factors"]

SCALE = 2.0  # s: alpha / rank in the paper's terms


class LowRankLinear(nn.Module):
    """A frozen linear layer with an update beside it."""

    def __init__(self, base: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features, generator=generator) * base.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x_NI: Tensor) -> Tensor:
        """x_NI: [N, in] · returns: [N, out]"""
        out_NO: Tensor = self.base(x_NI) + SCALE * ((x_NI @ self.down.T) @ self.up.T)
        return out_NO


def adapt(model: nn.Module, parts: Sequence[str], rank: int, seed: int = 0) -> None:
    """Freeze `model` and give each linear layer whose last name is in `parts` an update that can be taught."""
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, module in list(model.named_modules()):
        parent, _, last = name.rpartition(".")
        if last in parts and isinstance(module, nn.Linear):
            setattr(model.get_submodule(parent), last, LowRankLinear(module, rank, generator))


def factors(model: nn.Module) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Name of each adapted matrix in the plain model -> (up [out, rank], scaled, and down [rank, in])."""
    return {
        f"{name}.weight": ((SCALE * module.up).detach().numpy(), module.down.detach().numpy())
        for name, module in _adapted(model)
    }


def _adapted(model: nn.Module) -> Iterator[tuple[str, LowRankLinear]]:
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            yield name, module
