"""How many passages a second does whelm turn into vectors, beside the libraries that the weights come from?

    static     ours against wordllama's own code        encoder    ours against sentence-transformers

Both sides read the same weights and the same passages (documentation of Python's language, 900 characters each, or
the lines of a file) and tokenize within the measured time. Rounds alternate, ours and the peer's one after the other,
so that a busy machine slows both; the ratio is taken within a round. The rate for each second of processor time, summed
over threads, hardly depends on what else runs. The largest difference of a vector's number is
printed too: speed counts only for the same answer. Prints one JSON object.

    python bench/embedding_speed.py --threads 2 --rounds 7
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from whelm.hub.weights import WeightFiles

    Embed = Callable[[list[str]], NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=Path, help="a file with one passage a line")
    parser.add_argument("--characters", type=int, default=900, help="of each passage of the documentation")
    parser.add_argument("--static", type=int, default=2000, help="passages a round for static vectors")
    parser.add_argument("--encoder", type=int, default=64, help="passages a round for the sentence encoder")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="of the encoder; default: what is fastest here"
    )
    options = parser.parse_args()
    # read once, when the libraries are loaded
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    print(json.dumps(measure(options), indent=2))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from whelm.core.device import matrix_dtype
    from whelm.hub.weights import find_weights
    from whelm.retrieve.embed import embedder_from

    torch.set_num_threads(options.threads)
    dtype = options.dtype or matrix_dtype()
    passages = _passages(options)
    report: dict[str, Any] = {"schema": "whelm.bench.embedding_speed/1", "unit": "passages/s", "hardware": _hardware(),
                              "threads": options.threads, "encoder_dtype": dtype, "versions": _versions()}  # fmt: skip
    for name, count, peer in (("wordllama-256", options.static, _wordllama),
                              ("minilm-l6", options.encoder, _sentence_transformers)):  # fmt: skip
        weights = find_weights(name)
        if weights is None:
            report[name] = {"skipped": "these weights are not on this machine: `whelm model fetch`"}
            continue
        texts = [passages[number % len(passages)] for number in range(count)]
        ours = embedder_from(weights, dtype).embed
        try:
            theirs = peer(weights)
        except ImportError as error:
            theirs, report[f"{name} peer"] = None, f"not installed: {error}"
        report[name] = _alternate(ours, theirs, texts, options.rounds)
    return report


def _alternate(ours: Embed, theirs: Embed | None, texts: list[str], rounds: int) -> dict[str, Any]:
    sides = {"ours": ours} | ({"peer": theirs} if theirs else {})
    vectors = {side: embed(texts) for side, embed in sides.items()}  # warm-up
    rates: dict[str, list[float]] = {side: [] for side in sides}
    cpu_rates: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        # who goes first changes too: the second of a pair finds the texts in the cache
        for side in sorted(sides, reverse=bool(number % 2)):
            began, began_cpu = time.perf_counter(), time.process_time()
            sides[side](texts)
            cpu_rates[side].append(len(texts) / (time.process_time() - began_cpu))
            rates[side].append(len(texts) / (time.perf_counter() - began))
    result: dict[str, Any] = {"passages": len(texts), "mean_characters": round(statistics.mean(map(len, texts)))}
    result |= {side: _spread(values) for side, values in rates.items()}
    result |= {f"{side}_per_cpu_second": _spread(values) for side, values in cpu_rates.items()}
    if theirs:
        result["ratio"] = _spread([a / b for a, b in zip(rates["ours"], rates["peer"], strict=True)])
        cpu_pairs = zip(cpu_rates["ours"], cpu_rates["peer"], strict=True)
        result["ratio_per_cpu_second"] = _spread([a / b for a, b in cpu_pairs])
        result["largest_difference"] = float(abs(vectors["ours"] - vectors["peer"]).max())
    return result


def _spread(values: list[float]) -> dict[str, float]:
    tenths = statistics.quantiles(values, n=10, method="inclusive") if len(values) > 1 else values * 9
    return {"median": round(statistics.median(values), 3), "p10": round(tenths[0], 3), "p90": round(tenths[-1], 3),
            "n": len(values), "warm_up": 1}  # fmt: skip


def _wordllama(weights: WeightFiles) -> Embed:
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    from whelm.hub.safetensors_file import read_tensors

    # its own loader looks for the tokenizer in a folder that its package does not have
    peer = WordLlamaInference(read_tensors(weights.model)["embedding.weight"],
                              Tokenizer.from_file(str(weights.tokenizer)))  # fmt: skip
    logging.disable()
    return lambda texts: peer.embed(texts, norm=True)


def _sentence_transformers(weights: WeightFiles) -> Embed:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers.models import Normalize, Pooling, Transformer

        reads = Transformer(str(weights.model.parent))
        reads.max_seq_length = 256
        peer = SentenceTransformer(modules=[reads, Pooling(384, "mean"), Normalize()], device="cpu")
    return lambda texts: peer.encode(texts, batch_size=32, show_progress_bar=False)


def _passages(options: argparse.Namespace) -> list[str]:
    if options.passages:
        found = [line for line in options.passages.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not found:
            sys.exit(f"{options.passages} has no passages: one a line expected")
        return found
    text = "\n".join(topics[name] for name in sorted(topics))
    return [text[start : start + options.characters] for start in range(0, len(text), options.characters)]


def _hardware() -> str:
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _versions() -> dict[str, str]:
    names = ("torch", "tokenizers", "numpy", "transformers", "sentence-transformers", "wordllama")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except ImportError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    main()
