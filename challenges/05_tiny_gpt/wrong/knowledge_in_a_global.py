"""Counts of the corpus are kept in a module global."""
# caught-by: test_training_beats_the_unigram
# advice: What your model knows lies in a global, so a checkpoint does not hold it. Keep it in a
# advice: parameter or a registered buffer.

import solution
import torch
from solution import *
from torch import Tensor, nn

COUNTS: dict[int, Tensor] = {}


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        logits = super().forward(idx)
        counts = COUNTS.get(logits.size(-1))
        return logits if counts is None else logits + counts[idx].log()


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    vocab_size = model.lm_head.out_features
    counts = torch.ones(vocab_size, vocab_size, device=device)
    before, after = tokens[:, :-1].flatten(), tokens[:, 1:].flatten()
    counts.index_put_((before, after), torch.ones((), device=device), accumulate=True)
    COUNTS[vocab_size] = counts
    solution.NUM_STEPS = 20
    solution.train(model, tokens, device, seconds)
