"""Checkpoints of a running loop: everything that the next step depends on, written so that a kill harms nothing.

One safetensors file holds parameters, both moments of AdamW and, in its notes, the step and the key of the run. It is
written beside its place and renamed (`core.files.write_atomic`): the file is the old one or the new one, never half.
A file of another key or one that cannot be read is not continued from: `load_checkpoint` returns None, and the run
begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from whelm.core.files import write_atomic

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], step: int, key: str) -> None:
    """`key` says which run this belongs to; `step` is the number of steps done."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save(whole, metadata={"step": str(step), "key": key}))


def load_checkpoint(path: Path, key: str) -> tuple[dict[str, Tensor], int] | None:
    """The tensors and the number of steps done, or None where there is nothing to continue from."""
    try:
        with safe_open(str(path), "pt") as file:
            notes = file.metadata() or {}
            if notes.get("key") != key:
                return None
            return {name: torch.clone(file.get_tensor(name)) for name in file.keys()}, int(notes["step"])  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
