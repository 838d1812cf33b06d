"""The learning rate over a run: a linear rise, then a linear fall to nothing.

    factor(step) = (step + 1) / warm_up                  while step < warm_up
                 = (steps - step) / (steps - warm_up)    afterwards

A pure function of (step, steps), so a resumed run has the same rates. Falling to zero matters more than the form of
the fall for runs of a few hundred steps (Defazio et al. 2023, arXiv:2310.07831).
"""

from __future__ import annotations

__all__ = ["rise_and_fall"]


def rise_and_fall(step: int, steps: int, warm_up_share: float = 0.1) -> float:
    """The factor on the learning rate at `step`, counted from 0, of `steps`."""
    warm_up = max(1, round(steps * warm_up_share))
    if step < warm_up:
        return (step + 1) / warm_up
    return max(0.0, (steps - step) / max(1, steps - warm_up))
