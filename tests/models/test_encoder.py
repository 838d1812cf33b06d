"""The encoder against a slow version in twenty lines, and its own promises; transformers' is in tests/hub."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from whelm.core.errors import ModelError
from whelm.models.encoder import Encoder, EncoderConfig, mean_pool

_SMALL = EncoderConfig(vocab_size=50, width=24, num_layers=3, num_heads=4, inner_width=40, max_positions=32)


def _encoder(seed: int = 0, config: EncoderConfig = _SMALL, dtype: torch.dtype = torch.float32) -> Encoder:
    torch.manual_seed(seed)
    encoder = Encoder(config).to(dtype)
    for parameter in encoder.parameters():  # norms and biases away from 1 and 0, so that each of them matters
        torch.nn.init.normal_(parameter, std=0.3)
    return encoder


def _slow(encoder: Encoder, ids: list[int], kinds: list[int]) -> Tensor:
    """One text, one head and one token at a time, from the formulas of the paper."""

    def norm(x: Tensor, layer: torch.nn.LayerNorm) -> Tensor:
        centred = x - x.mean()
        return centred / torch.sqrt((centred**2).mean() + layer.eps) * layer.weight + layer.bias

    embedded = zip(ids, encoder.position.weight, kinds, strict=False)
    xs = [norm(encoder.word.weight[i] + p + encoder.segment.weight[k], encoder.norm) for i, p, k in embedded]
    D, d = encoder.config.width, encoder.config.width // encoder.config.num_heads
    for layer in encoder.layers:
        q, k, v = (
            [layer.query_key_value.weight[n * D : (n + 1) * D] @ x + layer.query_key_value.bias[n * D : (n + 1) * D]
             for x in xs]
            for n in range(3)
        )  # fmt: skip
        mixed = []
        for t in range(len(xs)):
            heads = []
            for h in range(0, D, d):
                scores = torch.stack([q[t][h : h + d] @ k[s][h : h + d] / math.sqrt(d) for s in range(len(xs))])
                shares = torch.exp(scores) / torch.exp(scores).sum()
                heads.append(sum(shares[s] * v[s][h : h + d] for s in range(len(xs))))
            mixed.append(torch.cat(heads))
        xs = [norm(x + layer.attention_out(m), layer.attention_norm) for x, m in zip(xs, mixed, strict=True)]
        inner = [layer.inner(x) for x in xs]
        inner = [x * 0.5 * (1 + torch.erf(x / math.sqrt(2))) for x in inner]
        xs = [norm(x + layer.outer(y), layer.outer_norm) for x, y in zip(xs, inner, strict=True)]
    return torch.stack(xs)


def _batch(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    T = max(lengths, default=0)
    ids_BT = torch.randint(0, 50, (len(lengths), T))
    mask_BT = (torch.arange(T) < torch.tensor(lengths, dtype=torch.long)[:, None]).long()
    return ids_BT, mask_BT, torch.randint(0, 2, (len(lengths), T))


@pytest.mark.parametrize("lengths", [[1], [5, 5, 5], [7, 3, 9, 3, 1], [32, 2]])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_slow_version(lengths: list[int], seed: int) -> None:
    encoder = _encoder(seed, dtype=torch.float64)
    ids_BT, mask_BT, segment_BT = _batch(lengths, seed)
    with torch.no_grad():
        hidden_BTD = encoder(ids_BT, mask_BT, segment_BT)
        for row, length in enumerate(lengths):
            expected = _slow(encoder, ids_BT[row, :length].tolist(), segment_BT[row, :length].tolist())
            assert torch.allclose(hidden_BTD[row, :length], expected, atol=1e-10)
            assert not hidden_BTD[row, length:].any()


def test_padding_and_company_do_not_matter() -> None:
    encoder = _encoder()
    lengths = [4, 17, 9, 17, 4, 30, 1]
    ids_BT, mask_BT, segment_BT = _batch(lengths)
    with torch.no_grad():
        together = encoder(ids_BT, mask_BT, segment_BT)
        ids_N = torch.cat([ids_BT[row, :n] for row, n in enumerate(lengths)])
        packed = encoder.packed(ids_N, lengths, torch.cat([segment_BT[row, :n] for row, n in enumerate(lengths)]))
        for row, (length, part) in enumerate(zip(lengths, packed.split(lengths), strict=True)):
            alone = encoder(ids_BT[row : row + 1, :length], mask_BT[row : row + 1, :length],
                            segment_BT[row : row + 1, :length])  # fmt: skip
            assert torch.allclose(together[row, :length], alone[0], atol=1e-5)
            assert torch.allclose(part, alone[0], atol=1e-5)


def test_no_segments_are_segments_of_zeros_and_empty_rows_stay_zero() -> None:
    encoder = _encoder()
    ids_BT, mask_BT, _ = _batch([3, 0, 5])
    with torch.no_grad():
        hidden = encoder(ids_BT, mask_BT)
        assert torch.equal(hidden, encoder(ids_BT, mask_BT.bool(), torch.zeros_like(ids_BT)))
        assert not hidden[1].any() and hidden[0, :3].any()
        assert encoder(ids_BT[:0], mask_BT[:0]).shape == (0, 5, 24)
        assert not encoder(ids_BT, torch.zeros_like(mask_BT)).any()


@pytest.mark.parametrize("layer", range(4))
def test_upper_layers_go_on_from_stored_states(layer: int) -> None:
    encoder = _encoder()
    lengths = [5, 5, 8]
    ids_N = torch.randint(0, 50, (18,))
    with torch.no_grad():
        stored = encoder.hidden_below(layer, ids_N, lengths)
        assert torch.equal(encoder.forward_from(layer, stored, lengths), encoder.packed(ids_N, lengths))


def test_gradients_equal_those_of_the_slow_version() -> None:
    lengths = [3, 6, 6]
    ids_BT, mask_BT, segment_BT = _batch(lengths)
    fast, slow = (_encoder(dtype=torch.float64) for _ in range(2))
    fast(ids_BT, mask_BT, segment_BT).pow(3).sum().backward()
    for row, length in enumerate(lengths):
        _slow(slow, ids_BT[row, :length].tolist(), segment_BT[row, :length].tolist()).pow(3).sum().backward()
    for (name, ours), theirs in zip(fast.named_parameters(), slow.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-8, atol=1e-9), name


def test_frozen_layers_keep_no_gradients() -> None:
    encoder = _encoder()
    encoder.freeze_below(2)
    encoder.packed(torch.arange(9), [4, 5]).sum().backward()
    with_gradient = {name.split(".")[1] for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert with_gradient == {"2"}
    assert not encoder.hidden_below(2, torch.arange(9), [4, 5]).requires_grad


def test_mean_pool_by_hand() -> None:
    hidden_ND = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [0.0, 1.0]])
    expected = torch.tensor([[2.0, 3.0], [6.0, 7.0], [0.0, 1.0]])
    assert torch.equal(mean_pool(hidden_ND, [2, 2, 1]), expected)
    assert mean_pool(hidden_ND.bfloat16(), [5]).dtype == torch.float32
    assert mean_pool(hidden_ND[:0], []).shape == (0, 2)


def test_other_number_formats() -> None:
    encoder = _encoder(config=replace(_SMALL, num_layers=2))
    ids_BT, mask_BT, segment_BT = _batch([6, 11])
    with torch.no_grad():
        full = encoder(ids_BT, mask_BT, segment_BT)
        half = encoder.bfloat16()(ids_BT, mask_BT, segment_BT)
    assert half.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(full.flatten(), half.float().flatten(), dim=0) > 0.999


@pytest.mark.parametrize(
    ("ids", "mask", "problem"),
    [
        (torch.zeros(3, dtype=torch.long), torch.ones(3), r"ids \[B, T\]"),
        (torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 4), r"ids \[B, T\]"),
        (torch.zeros(1, 3, dtype=torch.long), torch.tensor([[0, 1, 1]]), "padding on the right"),
        (torch.zeros(1, 3, dtype=torch.long), torch.tensor([[1, 0, 1]]), "padding on the right"),
        (torch.zeros(1, 33, dtype=torch.long), torch.ones(1, 33), "at most 32"),
    ],
)
def test_wrong_shapes_are_named(ids: Tensor, mask: Tensor, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        _encoder()(ids, mask)


def test_wrong_lengths_layers_and_sizes_are_named() -> None:
    encoder = _encoder()
    for lengths in ([2], [1, 3], [3, 0], [4, -1]):
        with pytest.raises(ModelError, match="lengths"):
            encoder.packed(torch.arange(3), lengths)
    with pytest.raises(ModelError, match="layers 4 to 3"):
        encoder.forward_from(4, torch.zeros(3, 24), [3])
    with pytest.raises(ModelError, match="multiple"):
        EncoderConfig(width=10, num_heads=3)
    with pytest.raises(ModelError, match="num_layers"):
        EncoderConfig(num_layers=0)
