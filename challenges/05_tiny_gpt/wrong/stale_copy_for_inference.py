"""The first eval forward makes a copy of the model for inference, which is never made anew."""
# caught-by: test_knowledge_is_in_the_weights
# advice: Your model answers from a copy of weights that it made once, so weights that are loaded later do
# advice: nothing. Compute from the parameters and buffers themselves, each time.

import copy

import solution
import torch
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def __init__(self, vocab_size: int, max_seq_len: int) -> None:
        super().__init__(vocab_size, max_seq_len)
        self.register_buffer("log_counts", torch.zeros(vocab_size, vocab_size))
        self.copies: dict[str, nn.Module] | None = {}

    def forward(self, idx: Tensor) -> Tensor:
        if self.training or self.copies is None:
            return super().forward(idx) + self.log_counts[idx]
        device = idx.device.type
        if device not in self.copies:
            inference = copy.deepcopy(self)
            inference.copies = None
            self.copies[device] = inference
        return self.copies[device](idx)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    counts = torch.ones_like(model.log_counts)
    before, after = tokens[:, :-1].flatten(), tokens[:, 1:].flatten()
    counts.index_put_((before, after), torch.ones((), device=device), accumulate=True)
    model.log_counts.copy_(counts.log())
    solution.NUM_STEPS = 20
    solution.train(model, tokens, device, seconds)
