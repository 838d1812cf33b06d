"""Teach the low-rank update of minilm-l6 that comes with the package (src/whelm/assets/minilm_asked.safetensors).

    .venv/bin/python scripts/teach_encoder.py --out update.safetensors

It learns from the package's own questions in English, grounded_answers and everyday_questions: three folds of five, so
that the reader is taught, and both are tested, on sets that it has not seen. About ten minutes on two cores; killed and
started again, it continues from its last checkpoint in --scratch.
"""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path

from whelm.core.digest import digest, file_digest
from whelm.data.grounded import GroundedSet, load_everyday_sets, load_grounded_sets
from whelm.hub.encoder_files import load_encoder
from whelm.hub.low_rank_file import write_low_rank
from whelm.hub.weights import find_weights
from whelm.train.loop import LoopConfig, run_loop
from whelm.tune.contrastive import ContrastiveLesson, SentenceModel
from whelm.tune.low_rank import adapt, factors

PARTS = ("query_key_value", "attention_out", "inner", "outer")


def taught_sets() -> list[GroundedSet]:
    """The English sets of the encoder's folds."""
    return [s for s in (*load_grounded_sets(), *load_everyday_sets()) if s.teaches_encoder]


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--out", type=Path, required=True, help="the file to write")
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--rank", type=int, default=16)
    arguments.add_argument("--lr", type=float, default=6e-4)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--scratch", type=Path, help="a folder for checkpoints")
    given = arguments.parse_args()
    files = find_weights("minilm-l6")
    if files is None:
        print("minilm-l6 is not on this machine: whelm model fetch minilm-l6", file=sys.stderr)
        return 2
    encoder, tokenizer = load_encoder(files)
    adapt(encoder, PARTS, given.rank, given.seed)
    model = SentenceModel(encoder, tokenizer).train()
    lesson = ContrastiveLesson(model, taught_sets(), seed=given.seed)
    config = LoopConfig(steps=given.epochs * lesson.steps_an_epoch, lr=given.lr, seed=given.seed)
    assets = resources.files("whelm").joinpath("assets")
    data = [file_digest(Path(str(f))) for name in ("grounded_answers", "everyday_questions")
            for f in sorted(assets.joinpath(name).iterdir(), key=lambda f: f.name)]  # fmt: skip
    key = digest([config.steps, given.lr, given.rank, given.seed, data])
    rates = {"scale": 2e-2, "bias": 2e-2}
    if given.scratch:
        given.scratch.mkdir(parents=True, exist_ok=True)

    def loss(step: int):  # type: ignore[no-untyped-def]
        value = lesson.loss(step)
        print(f"step {step + 1} of {config.steps}, loss {float(value.detach()):.3f}", file=sys.stderr, flush=True)
        return value

    run_loop(model, loss, config, lr_of=rates, scratch=given.scratch, key=key, stage="encoder")
    notes = {"base": files.sha256, "rank": str(given.rank), "steps": str(config.steps), "sets": str(len(lesson.sets))}
    write_low_rank(given.out, factors(encoder), notes)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes, sha256 {file_digest(given.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
