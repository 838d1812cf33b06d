"""Low-rank updates: nothing changes before the first step, what was learnt is what is merged, and the file says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from whelm.core.errors import CorruptError
from whelm.hub.low_rank_file import read_low_rank, write_low_rank
from whelm.tune.low_rank import LowRankLinear, adapt, factors

SHAPES = {"0.weight": (6, 4), "2.weight": (3, 6)}


def _model() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3))


def test_an_untaught_update_changes_nothing_and_only_the_update_learns() -> None:
    model, plain = _model(), _model()
    adapt(model, ["0", "2"], rank=2)
    x = torch.randn(5, 4)
    assert torch.equal(model(x), plain(x))
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {"0.down", "0.up", "2.down", "2.up"}


def test_merged_into_the_matrices_it_computes_the_same(tmp_path: Path) -> None:
    model, plain = _model(), _model()
    adapt(model, ["0", "2"], rank=2)
    for part in model:
        if isinstance(part, LowRankLinear):
            part.up.data.normal_(generator=torch.Generator().manual_seed(2))
    write_low_rank(tmp_path / "update.safetensors", factors(model))
    added = read_low_rank(tmp_path / "update.safetensors", SHAPES)
    assert set(added) == set(SHAPES)
    for name, matrix in added.items():
        plain.get_parameter(name).data += torch.from_numpy(matrix)
    x = torch.randn(5, 4)
    torch.testing.assert_close(plain(x), model(x), rtol=2e-3, atol=2e-3)  # the file is in half precision


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"0.weight": (np.ones((6, 2)), np.ones((3, 4)))}, "cannot take an update"),  # two ranks
        ({"0.weight": (np.ones((5, 2)), np.ones((2, 4)))}, "cannot take an update"),  # another shape
        ({"9.weight": (np.ones((6, 2)), np.ones((2, 4)))}, "cannot take an update"),  # no such matrix
    ],
)
def test_an_update_of_another_model_is_refused(
    tmp_path: Path, tensors: Mapping[str, tuple[np.ndarray, np.ndarray]], problem: str
) -> None:
    write_low_rank(tmp_path / "update.safetensors", tensors)
    with pytest.raises(CorruptError, match=problem):
        read_low_rank(tmp_path / "update.safetensors", SHAPES)
