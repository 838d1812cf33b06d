"""BERT weights in and out, with transformers as the independent peer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from whelm.core.errors import CorruptError, MissingError, ModelError
from whelm.hub.encoder_files import load_encoder, save_encoder
from whelm.hub.low_rank_file import read_low_rank
from whelm.hub.safetensors_file import read_tensors, write_tensors
from whelm.hub.weights import WeightFiles

_CONFIGS = [
    {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64},
    {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 20,
     "type_vocab_size": 3},
    {"hidden_size": 40, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 100,
     "layer_norm_eps": 1e-5, "max_position_embeddings": 40},
]  # fmt: skip
_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(95))]


@pytest.fixture(scope="module")
def transformers(quiet_import: Callable[[str], ModuleType]) -> ModuleType:
    return quiet_import("transformers")


def _peer(transformers: ModuleType, seed: int, folder: Path) -> Any:
    """A random small BERT of transformers, saved as it saves it."""
    torch.manual_seed(seed)
    config = transformers.BertConfig(vocab_size=100, **_CONFIGS[seed % len(_CONFIGS)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = transformers.BertModel(config).eval()
    for parameter in peer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    peer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(_VOCABULARY))
    return peer


def _inputs(config: Any, seed: int, batch: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(100 + seed)
    T = min(config.max_position_embeddings, 60)
    lengths = torch.randint(1, T + 1, (batch,))
    lengths[0] = T
    mask_BT = (torch.arange(T) < lengths[:, None]).long()
    ids_BT = torch.randint(0, config.vocab_size, (batch, T))
    return ids_BT, mask_BT, torch.randint(0, config.type_vocab_size, (batch, T))


def _relative_difference(encoder: Any, peer: Any, seed: int) -> float:
    ids_BT, mask_BT, segment_BT = _inputs(peer.config, seed)
    with torch.inference_mode():
        theirs = peer(input_ids=ids_BT, attention_mask=mask_BT, token_type_ids=segment_BT).last_hidden_state
        ours = encoder(ids_BT, mask_BT, segment_BT)
    here = mask_BT.bool()
    return float((ours - theirs)[here].abs().max() / theirs[here].abs().max())


@pytest.mark.parametrize("seed", range(9))
def test_hidden_states_equal_transformers_on_random_models(transformers: ModuleType, seed: int, tmp_path: Path) -> None:
    peer = _peer(transformers, seed, tmp_path)
    encoder, _ = load_encoder(tmp_path)
    assert _relative_difference(encoder, peer, seed) <= 1e-4


@pytest.mark.parametrize("seed", range(2))
def test_hidden_states_equal_transformers_on_minilm(
    transformers: ModuleType, weights: Mapping[str, WeightFiles], seed: int
) -> None:
    files = weights["minilm-l6"]
    peer = transformers.BertModel.from_pretrained(files.model.parent, attn_implementation="eager").eval()
    encoder, _ = load_encoder(files)
    assert _relative_difference(encoder, peer, seed) <= 1e-4


def test_an_update_is_added_to_the_matrices_and_changes_no_other(weights: Mapping[str, WeightFiles]) -> None:
    files = weights["minilm-asked"]
    assert files.update is not None
    base, _ = load_encoder(weights["minilm-l6"])
    updated, _ = load_encoder(files)
    before, after = base.state_dict(), updated.state_dict()
    added = read_low_rank(files.update, {name: tuple(tensor.shape) for name, tensor in before.items()})
    assert len(added) == 24  # four matrices of six layers
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor + torch.from_numpy(added[name]) if name in added else tensor)


def test_what_we_save_transformers_and_we_load_alike(transformers: ModuleType, tmp_path: Path) -> None:
    peer = _peer(transformers, 0, tmp_path)
    encoder, tokenizer = load_encoder(tmp_path)
    with torch.no_grad():
        encoder.layers[0].query_key_value.weight += 0.01  # as if it had been taught
    saved = tmp_path / "saved"
    saved.mkdir()
    save_encoder(encoder, tokenizer, saved)
    again, tokenizer_again = load_encoder(saved)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert again.config == encoder.config
    assert tokenizer_again.batch(["w1 w2"]) == tokenizer.batch(["w1 w2"]) == [[2, 6, 7, 3]]
    theirs = transformers.BertModel.from_pretrained(saved, add_pooling_layer=False).eval()
    assert _relative_difference(encoder, theirs, 0) <= 1e-4
    assert _relative_difference(encoder, peer, 0) > 1e-3
    assert transformers.AutoTokenizer.from_pretrained(saved)("w1 w2")["input_ids"] == [2, 6, 7, 3]


def test_loading_in_another_format(transformers: ModuleType, tmp_path: Path) -> None:
    _peer(transformers, 0, tmp_path)
    encoder, _ = load_encoder(tmp_path, "bfloat16")
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.bfloat16}
    assert not encoder.training
    with pytest.raises(ModelError, match="int8"):
        load_encoder(tmp_path, "int8")


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_names_of_other_files_are_known(transformers: ModuleType, prefix: str, tmp_path: Path) -> None:
    peer = _peer(transformers, 0, tmp_path)
    tensors = {
        prefix + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in read_tensors(tmp_path / "model.safetensors").items()
    }
    tensors["cls.predictions.bias"] = np.zeros(100, np.float32)
    tensors[prefix + "embeddings.position_ids"] = np.arange(512)[None]
    write_tensors(tmp_path / "model.safetensors", tensors)
    assert _relative_difference(load_encoder(tmp_path)[0], peer, 0) <= 1e-4


def _change(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    tensors = read_tensors(folder / "model.safetensors")
    change(tensors)
    write_tensors(folder / "model.safetensors", tensors)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("encoder.layer.1.output.dense.bias"), r"encoder\.layer\.1\.output\.dense\.bias"),
        (lambda t: t.pop("encoder.layer.0.attention.self.key.weight"), r"attention\.self\.key\.weight"),
        (lambda t: t.pop("embeddings.word_embeddings.weight"), "word_embeddings"),
        (lambda t: t.update({"encoder.layer.2.output.dense.bias": np.zeros(32, np.float32)}), "layer.2"),
        (lambda t: t.update({"encoder.layer.01.output.dense.bias": np.zeros(32, np.float32)}), "layer.01"),
        (lambda t: t.update({"encoder.layer.0.adapter.weight": np.zeros(32, np.float32)}), "adapter"),
        (lambda t: t.update({"embeddings.LayerNorm.scale": np.zeros(32, np.float32)}), "scale"),
        (lambda t: t.update({"embeddings.LayerNorm.bias": np.zeros(31, np.float32)}), r"\(32,\), found \(31,\)"),
        (lambda t: t.update({"encoder.layer.0.attention.self.key.bias": np.zeros(96, np.float32)}), r"found \(96,\)"),
    ],
)
def test_unknown_missing_and_misshapen_tensors_are_named(
    transformers: ModuleType, change: Callable[[dict[str, Any]], Any], problem: str, tmp_path: Path
) -> None:
    _peer(transformers, 0, tmp_path)
    _change(tmp_path, change)
    with pytest.raises(ModelError, match=problem):
        load_encoder(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "roberta"), ("hidden_act", "gelu_new"), ("position_embedding_type", "relative_key"),
        ("is_decoder", True), ("hidden_size", 33), ("hidden_size", 10**12), ("num_hidden_layers", -1),
        ("num_attention_heads", 0), ("num_attention_heads", "4"), ("layer_norm_eps", 2), ("vocab_size", None),
        ("intermediate_size", True), ("vocab_size", 99),
    ],
)  # fmt: skip
def test_a_configuration_we_do_not_compute_is_refused(
    transformers: ModuleType, name: str, value: Any, tmp_path: Path
) -> None:
    _peer(transformers, 0, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ModelError):
        load_encoder(tmp_path)


def test_files_missing_damaged_or_of_another_model(transformers: ModuleType, tmp_path: Path) -> None:
    _peer(transformers, 0, tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join([*_VOCABULARY, "one", "more"]))
    with pytest.raises(ModelError, match="102 tokens"):
        load_encoder(tmp_path)
    for content in ("[]", "{", "\x00"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ModelError, match=r"config\.json"):
            load_encoder(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(MissingError, match=r"config\.json"):
        load_encoder(tmp_path)


def test_damaged_tensors_are_refused(transformers: ModuleType, tmp_path: Path) -> None:
    _peer(transformers, 0, tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptError, match="cut short"):
        load_encoder(tmp_path)


def test_static_vectors_are_no_encoder(weights: Mapping[str, WeightFiles]) -> None:
    with pytest.raises(ModelError, match="wordllama-256"):
        load_encoder(weights["wordllama-256"])
