"""A BERT-shaped encoder (Devlin et al. 2018, arXiv:1810.04805): every token looks at every other token of its text.

    x = LayerNorm(word[ids] + position[0..] + segment[..])                 embeddings
    x = LayerNorm(x + W_o softmax(q k^T / sqrt(d)) v)     q, k, v = W x    attention, LayerNorm after the sum
    x = LayerNorm(x + W_2 gelu(W_1 x))                                     feed-forward, gelu by the exact erf

No padding is ever computed: the tokens of all texts lie one after the other in one matrix [N, D] that the linear
layers and norms take whole; attention runs once for each group of neighbouring texts of equal length. So sort a
batch by length (`forward` does it itself); any order gives the same result. Everything is differentiable, and the
upper layers alone can be run from stored hidden states of a lower one (`hidden_below`, `forward_from`).

Cost: 2 N (4 D^2 + 2 D F) + 4 D sum(T^2) operations a layer; the first term dominates below T = 1,000.

Shapes: B texts, T longest text, N tokens of all texts, D width, H heads, d = D/H, F inner width, L layers, G texts
of one length that are attended together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whelm.core.errors import ModelError

__all__ = ["Encoder", "EncoderConfig", "EncoderLayer", "mean_pool"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """The sizes of an encoder; the defaults are those of MiniLM-L6."""

    vocab_size: int = 30522
    """Rows of the word table."""
    width: int = 384
    """Length of a token's vector (D)."""
    num_layers: int = 6
    num_heads: int = 12
    inner_width: int = 1536
    """Width inside the feed-forward part (F)."""
    max_positions: int = 512
    """The longest text, in tokens."""
    num_segments: int = 2
    """Kinds of text that are told apart: question and passage."""
    norm_epsilon: float = 1e-12

    def __post_init__(self) -> None:
        for name in ("vocab_size", "width", "num_layers", "num_heads", "inner_width", "max_positions", "num_segments"):
            if getattr(self, name) < 1:
                raise ModelError(f"encoder: {name} must be at least 1, found {getattr(self, name)}")
        if self.width % self.num_heads:
            raise ModelError(f"encoder: width {self.width} is not a multiple of num_heads {self.num_heads}")


class Encoder(nn.Module):
    """Token ids to one vector for each token, which knows the tokens around it."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.vocab_size, config.width)
        self.position = nn.Embedding(config.max_positions, config.width)
        self.segment = nn.Embedding(config.num_segments, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_layers))
        self.apply(_initialize)

    def forward(self, ids_BT: Tensor, mask_BT: Tensor, segment_BT: Tensor | None = None) -> Tensor:
        """The usual padded form, around the packed one.

        ids_BT: token ids, integers · mask_BT: 1 where a token stands, 0 where a row is padded on its right
        segment_BT: 0 or 1, all 0 if None · returns: hidden_BTD, zero where mask is 0
        """
        if (
            ids_BT.ndim != 2
            or mask_BT.shape != ids_BT.shape
            or (segment_BT is not None and segment_BT.shape != ids_BT.shape)
        ):
            raise ModelError(
                f"encoder: ids [B, T], mask and segments of one shape expected, found {tuple(ids_BT.shape)}, "
                f"{tuple(mask_BT.shape)}, {None if segment_BT is None else tuple(segment_BT.shape)}"
            )
        B, T = ids_BT.shape
        lengths_B = mask_BT.long().sum(1)
        if not torch.equal(mask_BT.bool(), torch.arange(T, device=ids_BT.device) < lengths_B[:, None]):
            raise ModelError("encoder: the mask must be ones followed by zeros in each row (padding on the right)")
        order_B = lengths_B.argsort(stable=True)
        row_BT = order_B[:, None] * T + torch.arange(T, device=ids_BT.device)
        place_N = row_BT[mask_BT.bool()[order_B]]  # where each packed token stands in the padded matrix
        segment_N = None if segment_BT is None else segment_BT.flatten()[place_N]
        lengths = [n for n in lengths_B[order_B].tolist() if n]
        hidden_ND = self.packed(ids_BT.flatten()[place_N], lengths, segment_N)
        padded_MD = hidden_ND.new_zeros(B * T, self.config.width).index_copy(0, place_N, hidden_ND)
        return padded_MD.view(B, T, self.config.width)

    def packed(self, ids_N: Tensor, lengths: Sequence[int], segment_N: Tensor | None = None) -> Tensor:
        """ids_N: the texts' tokens one after the other · lengths: tokens of each text · returns: hidden_ND."""
        return self.forward_from(0, self.embed(ids_N, lengths, segment_N), lengths)

    def hidden_below(
        self, layer: int, ids_N: Tensor, lengths: Sequence[int], segment_N: Tensor | None = None
    ) -> Tensor:
        """What layer number `layer` (from 0) receives, to be stored once and given to `forward_from` many times."""
        return self._run(0, layer, self.embed(ids_N, lengths, segment_N), lengths)

    def forward_from(self, layer: int, hidden_ND: Tensor, lengths: Sequence[int]) -> Tensor:
        """hidden_ND: what layer number `layer` receives · returns: hidden_ND after the last layer."""
        return self._run(layer, len(self.layers), hidden_ND, lengths)

    def embed(self, ids_N: Tensor, lengths: Sequence[int], segment_N: Tensor | None = None) -> Tensor:
        """The sum of word, position and segment vectors, normalized: what the lowest layer receives."""
        longest = max(lengths, default=0)
        if longest > self.config.max_positions:
            raise ModelError(
                f"encoder: a text of {longest} tokens, at most {self.config.max_positions} fit",
                "cut the text when it is turned into tokens (max_tokens)",
            )
        if sum(lengths) != len(ids_N) or min(lengths, default=1) < 1:
            raise ModelError(f"encoder: lengths >= 1 with sum {len(ids_N)} expected, found sum {sum(lengths)}")
        word_ND = self.word(ids_N)
        position_ND = torch.cat([self.position.weight[:n] for n in lengths]) if lengths else word_ND
        kind_ND = self.segment.weight[0] if segment_N is None else self.segment(segment_N)
        return self.norm(word_ND + position_ND + kind_ND)

    def freeze_below(self, layer: int) -> None:
        """Keep embeddings and layers below `layer` as they are; autograd then stores nothing for them."""
        for part in (self.word, self.position, self.segment, self.norm, *self.layers[:layer]):
            part.requires_grad_(False)

    def _run(self, first: int, last: int, hidden_ND: Tensor, lengths: Sequence[int]) -> Tensor:
        if not 0 <= first <= last <= len(self.layers):
            raise ModelError(f"encoder: layers {first} to {last} asked for, it has {len(self.layers)}")
        if not lengths:
            return hidden_ND
        groups = list(_equal_lengths(lengths))
        for layer in self.layers[first:last]:
            hidden_ND = layer(hidden_ND, groups)
        return hidden_ND


class EncoderLayer(nn.Module):
    """Attention, then a feed-forward part, each added to its input and normalized."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)  # joined: one large product for three
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.inner = nn.Linear(config.width, config.inner_width)
        self.outer = nn.Linear(config.inner_width, config.width)
        self.outer_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, hidden_ND: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        """groups: (number of texts, tokens of each) in the order of the rows · returns: hidden_ND."""
        attended_ND = self.attention_out(self._attend(self.query_key_value(hidden_ND), groups))
        hidden_ND = self.attention_norm(hidden_ND + attended_ND)
        return self.outer_norm(hidden_ND + self.outer(F.gelu(self.inner(hidden_ND))))

    def _attend(self, qkv_N3D: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        mixed = []
        # split, not slices: its gradient is one concatenation instead of a zero-filled matrix for each group
        for (G, T), part in zip(groups, qkv_N3D.split([G * T for G, T in groups]), strict=True):
            q_GHTd, k_GHTd, v_GHTd = part.view(G, T, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
            mixed_GHTd = F.scaled_dot_product_attention(q_GHTd, k_GHTd, v_GHTd)
            mixed.append(mixed_GHTd.transpose(1, 2).reshape(G * T, -1))
        return torch.cat(mixed) if len(mixed) != 1 else mixed[0]


def mean_pool(hidden_ND: Tensor, lengths: Sequence[int]) -> Tensor:
    """The mean over each text's tokens, in float32: [B, D]."""
    if not lengths:
        return hidden_ND.float()
    groups = list(_equal_lengths(lengths))
    parts = hidden_ND.float().split([G * T for G, T in groups])
    return torch.cat([part.view(G, T, -1).mean(1) for (G, T), part in zip(groups, parts, strict=True)])


def _equal_lengths(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of neighbouring texts of one length: (number of texts, their length)."""
    return ((len(list(run)), length) for length, run in groupby(lengths))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
