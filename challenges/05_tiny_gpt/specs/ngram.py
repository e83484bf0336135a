"""What can be had without a neural network: unigram and the best back-off n-gram model.

Interpolated Witten-Bell smoothing. With h the context of n - 1 tokens, h' the same without its
oldest token, c(h) how often h was seen and T(h) how many different tokens followed it:

    p_n(w | h) = (c(hw) + a T(h) p_{n-1}(w | h')) / (c(h) + a T(h)),    p_0 = 1 / vocab_size

Witten-Bell has a = 1. Here each order has its own strength a, chosen on held-out stories, as is
the order itself; on this language that beats plain Witten-Bell and interpolated Kneser-Ney.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
MAX_ORDER = 8
HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class _Counts:
    """Counts of one order; `grams` and `contexts` are sorted codes, numbers to the base `base`."""

    base: int
    grams: Tensor
    gram_counts: Tensor
    contexts: Tensor
    context_counts: Tensor
    num_followers: Tensor


@dataclass(frozen=True)
class NGram:
    """A fitted model: one strength and one table of counts for each order."""

    vocab_size: int
    strengths: tuple[float, ...]
    tables: tuple[_Counts, ...]

    def log_probs(self, tokens: Tensor) -> Tensor:
        """Log-probability of each token given those before it, (N, T) -> (N, T) float64."""
        probs = torch.full(tokens.shape, 1 / self.vocab_size, dtype=torch.float64)
        pairs = zip(self.strengths, self.tables, strict=True)
        for order, (strength, table) in enumerate(pairs, 1):
            probs = _interpolate(table, _codes(tokens, order, self.vocab_size), probs, strength)
        return probs.log()


def unigram(tokens: Tensor, vocab_size: int) -> NGram:
    """The unigram model of the corpus `tokens` (N, T)."""
    return fit(tokens, vocab_size, (1.0,))


def best_ngram(tokens: Tensor, vocab_size: int) -> NGram:
    """The n-gram model whose order and strengths are best on held-out stories of the corpus."""
    num_held_out = int(len(tokens) * HELD_OUT_SHARE)
    held_out, rest = tokens[:num_held_out], tokens[num_held_out:]
    probs = torch.full(held_out.shape, 1 / vocab_size, dtype=torch.float64)
    strengths: tuple[float, ...] = ()
    best_loss, best_strengths = float("inf"), strengths
    for order in range(1, MAX_ORDER + 1):
        table, codes = _count(rest, order, vocab_size), _codes(held_out, order, vocab_size)
        tried = {a: _interpolate(table, codes, probs, a) for a in STRENGTHS}
        losses = {a: -float(p.log().mean()) for a, p in tried.items()}
        strength = min(losses, key=losses.__getitem__)
        probs, strengths = tried[strength], (*strengths, strength)
        if losses[strength] < best_loss:
            best_loss, best_strengths = losses[strength], strengths
    return fit(tokens, vocab_size, best_strengths)


def fit(tokens: Tensor, vocab_size: int, strengths: tuple[float, ...]) -> NGram:
    """The model of this many orders, with these strengths, of the corpus `tokens` (N, T)."""
    orders = range(1, len(strengths) + 1)
    tables = tuple(_count(tokens, order, vocab_size) for order in orders)
    return NGram(vocab_size, strengths, tables)


def _codes(tokens: Tensor, order: int, vocab_size: int) -> Tensor:
    """One number per position for the `order` tokens that end there; the story's start is padded."""
    num_stories, seq_len = tokens.shape
    start = tokens.new_full((num_stories, order - 1), vocab_size)
    padded = torch.cat([start, tokens], dim=1)
    codes = torch.zeros_like(tokens)
    for offset in range(order):
        codes = codes * (vocab_size + 1) + padded[:, offset : offset + seq_len]
    return codes


def _count(tokens: Tensor, order: int, vocab_size: int) -> _Counts:
    codes = _codes(tokens, order, vocab_size)
    grams, gram_counts = codes.unique(return_counts=True)
    contexts, context_of = (grams // (vocab_size + 1)).unique_consecutive(return_inverse=True)
    zeros = torch.zeros_like(contexts)
    return _Counts(
        vocab_size + 1,
        grams,
        gram_counts,
        contexts,
        zeros.index_add(0, context_of, gram_counts),
        zeros.index_add(0, context_of, torch.ones_like(grams)),
    )


def _interpolate(table: _Counts, codes: Tensor, lower: Tensor, strength: float) -> Tensor:
    """p_n from p_{n-1}; a context that was never seen leaves p_{n-1} as it is."""
    gram_count = _look_up(table.grams, table.gram_counts, codes).double()
    contexts = codes // table.base
    context_count = _look_up(table.contexts, table.context_counts, contexts).double()
    reserved = strength * _look_up(table.contexts, table.num_followers, contexts).double()
    mixed = (gram_count + reserved * lower) / (context_count + reserved)
    return torch.where(context_count > 0, mixed, lower)


def _look_up(keys: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """The value beside each wanted key, 0 where there is no such key; `keys` are sorted."""
    index = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[index] == wanted, values[index], 0)
