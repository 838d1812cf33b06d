"""BERT weights on disk to our `Encoder` and back: one name table, the sizes checked, the tokenizer wrapped.

The files are the usual three: model.safetensors, config.json, tokenizer.json (or vocab.txt, which becomes the
uncased BERT tokenizer). Every tensor must be known and every tensor needed must be there: an unknown or missing
name is an error that says which. The three projections q, k, v are joined on the way in and taken apart on the way
out, so `save_encoder` writes what transformers' BertModel loads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whelm.core.errors import MissingError, ModelError
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.hub.low_rank_file import read_low_rank
from whelm.hub.safetensors_file import read_tensors, write_tensors
from whelm.hub.weights import WeightFiles
from whelm.models.encoder import Encoder, EncoderConfig

__all__ = ["load_encoder", "save_encoder"]

_CONFIG_NAMES = {
    "vocab_size": "vocab_size",
    "width": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "inner_width": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "num_segments": "type_vocab_size",
    "norm_epsilon": "layer_norm_eps",
}
_CONFIG_FIXED: dict[str, tuple[Any, ...]] = {  # what our mathematics assumes; the first is written by `save_encoder`
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
}
_LARGEST = {"vocab_size": 2_000_000, "width": 16_384, "num_layers": 256, "num_heads": 1_024, "inner_width": 131_072,
            "max_positions": 1_000_000, "num_segments": 1_024}  # fmt: skip

# BERT's name to (ours, which third of the joined q, k, v or None)
_OUTSIDE = {
    "embeddings.word_embeddings": "word",
    "embeddings.position_embeddings": "position",
    "embeddings.token_type_embeddings": "segment",
    "embeddings.LayerNorm": "norm",
}
_INSIDE: dict[str, tuple[str, int | None]] = {
    "attention.self.query": ("query_key_value", 0),
    "attention.self.key": ("query_key_value", 1),
    "attention.self.value": ("query_key_value", 2),
    "attention.output.dense": ("attention_out", None),
    "attention.output.LayerNorm": ("attention_norm", None),
    "intermediate.dense": ("inner", None),
    "output.dense": ("outer", None),
    "output.LayerNorm": ("outer_norm", None),
}
# stored by BERT and of no use for hidden states: positions counted 0, 1, 2..., the head of another task
_LEFT_OUT = re.compile(r"embeddings\.(position_ids|token_type_ids)|pooler\.dense\.(weight|bias)|cls\..*")


def load_encoder(weights: WeightFiles | str | Path, dtype: str = "float32") -> tuple[Encoder, EncoderTokenizer]:
    """`weights`: named files, or a folder with model.safetensors, config.json and tokenizer.json (or vocab.txt)."""
    model, tokenizer, config_path = _three_files(weights)
    config = _read_config(config_path)
    with torch.device("meta"):  # sizes without memory and without random numbers
        encoder = Encoder(config)
    state = _to_ours(read_tensors(model), encoder, model)
    if isinstance(weights, WeightFiles) and weights.update is not None:
        added = read_low_rank(weights.update, {name: tuple(tensor.shape) for name, tensor in state.items()})
        state |= {name: state[name] + torch.from_numpy(matrix) for name, matrix in added.items()}
    kind = _dtype(dtype)
    encoder.load_state_dict({name: tensor.to(kind) for name, tensor in state.items()}, assign=True)
    wrapped = EncoderTokenizer.from_file(tokenizer)
    if wrapped.vocab_size > config.vocab_size:
        raise ModelError(
            f"{tokenizer} has {wrapped.vocab_size} tokens, {model} only {config.vocab_size} rows",
            "the tokenizer belongs to another model",
        )
    return encoder.eval(), wrapped


def save_encoder(encoder: Encoder, tokenizer: EncoderTokenizer, folder: str | Path) -> None:
    """Write model.safetensors (float32), config.json and tokenizer.json in BERT's names into an existing folder."""
    folder = Path(folder)
    state = {name: tensor.detach().float().cpu().numpy() for name, tensor in encoder.state_dict().items()}
    config: dict[str, Any] = {"architectures": ["BertModel"], "pad_token_id": 0}
    config |= {name: allowed[0] for name, allowed in _CONFIG_FIXED.items()}
    config |= {theirs: getattr(encoder.config, ours) for ours, theirs in _CONFIG_NAMES.items()}
    write_tensors(folder / "model.safetensors", _to_theirs(state), {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")


def _three_files(weights: WeightFiles | str | Path) -> tuple[Path, Path, Path]:
    if isinstance(weights, WeightFiles):
        if weights.config is None:
            raise ModelError(f"{weights.name} has no configuration: it is no encoder", "use minilm-l6")
        return weights.model, weights.tokenizer, weights.config
    folder = Path(weights)
    tokenizer = folder / "tokenizer.json"
    paths = (
        folder / "model.safetensors",
        tokenizer if tokenizer.is_file() else folder / "vocab.txt",
        folder / "config.json",
    )
    for path in paths:
        if not path.is_file():
            raise MissingError(
                f"an encoder's folder must hold model.safetensors, config.json and tokenizer.json or "
                f"vocab.txt; there is no {path}"
            )
    return paths


def _read_config(path: Path) -> EncoderConfig:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON: {type(error).__name__}") from None
    if not isinstance(raw, dict):
        raise ModelError(f"{path} must hold an object, found {type(raw).__name__}")
    for name, allowed in _CONFIG_FIXED.items():
        if raw.get(name, allowed[-1]) not in allowed:
            raise ModelError(
                f"{path}: {name} must be {allowed[0]!r}, found {raw[name]!r}", "whelm reads encoders of BERT's shape"
            )
    values: dict[str, Any] = {}
    for ours, theirs in _CONFIG_NAMES.items():
        value = raw.get(theirs)
        if ours == "norm_epsilon":
            good = isinstance(value, float) and 0 < value < 1
        else:
            good = type(value) is int and 1 <= value <= _LARGEST[ours]
        if not good:
            raise ModelError(f"{path}: {theirs} must be a number in its usual range, found {str(value)[:40]!r}")
        values[ours] = value
    assert set(values) == {field.name for field in fields(EncoderConfig)}
    return EncoderConfig(**values)


def _dtype(name: str) -> torch.dtype:
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
    if name not in kinds:
        raise ModelError(f"dtype must be one of {', '.join(kinds)}, found {name!r}")
    return kinds[name]


def _to_ours(theirs: Mapping[str, NDArray[Any]], encoder: Encoder, path: Path) -> dict[str, Tensor]:
    """The name table, inwards."""
    expected = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    ours: dict[str, Tensor] = {}
    thirds: dict[str, dict[int, Tensor]] = {}
    for full_name, array in theirs.items():
        name = full_name.removeprefix("bert.")
        if _LEFT_OUT.fullmatch(name):
            continue
        translated = _translate(name)
        if translated is None or translated[0] not in expected:
            raise ModelError(f"{path}: tensor {full_name!r} is not part of a BERT encoder of this configuration")
        target, third = translated
        shape = expected[target] if third is None else (expected[target][0] // 3, *expected[target][1:])
        if array.shape != shape:
            raise ModelError(f"{path}: tensor {full_name!r} must have shape {shape}, found {array.shape}")
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        if third is None:
            ours[target] = tensor
        else:
            thirds.setdefault(target, {})[third] = tensor
    for target, parts in thirds.items():
        if len(parts) == 3:
            ours[target] = torch.cat([parts[0], parts[1], parts[2]])
    if missing := sorted(set(expected) - set(ours)):
        raise ModelError(
            f"{path}: {len(missing)} tensors are missing, among them {missing[0]!r} "
            f"(in BERT's names {_names_of(missing[0])})"
        )
    return ours


def _to_theirs(ours: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The name table, outwards."""
    theirs: dict[str, NDArray[Any]] = {}
    for name, array in ours.items():
        names = _names_of(name)
        theirs |= dict(zip(names, np.split(array, len(names)), strict=True))
    return theirs


def _translate(name: str) -> tuple[str, int | None] | None:
    # older files say gamma and beta for a norm's weight and bias
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name))
    stem, _, leaf = name.rpartition(".")
    if leaf not in ("weight", "bias"):
        return None
    if stem in _OUTSIDE:
        return f"{_OUTSIDE[stem]}.{leaf}", None
    if (match := re.fullmatch(r"encoder\.layer\.(0|[1-9][0-9]{0,3})\.(.+)", stem)) and match[2] in _INSIDE:
        part, third = _INSIDE[match[2]]
        return f"layers.{match[1]}.{part}.{leaf}", third
    return None


def _names_of(name: str) -> list[str]:
    """BERT's names of one of our tensors: one, or three for the joined projections."""
    stem, _, leaf = name.rpartition(".")
    if not stem.startswith("layers."):
        return [f"{theirs}.{leaf}" for theirs, ours in _OUTSIDE.items() if ours == stem]
    _, number, part = stem.split(".")
    return [f"encoder.layer.{number}.{theirs}.{leaf}" for theirs, (ours, _) in _INSIDE.items() if ours == part]
