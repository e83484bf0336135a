"""An LSTM of the same size."""
# caught-by: test_beats_the_best_ngram
# advice: A recurrent net has to carry every fact along in its state, and flattens out far above
# advice: the target. Attention looks back instead.

import solution
from solution import *
from torch import Tensor, nn


class LSTM(nn.Module):
    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(vocab_size, 80)
        self.lstm = nn.LSTM(80, 80, num_layers=2, batch_first=True)
        self.lm_head = nn.Linear(80, vocab_size)

    def forward(self, idx: Tensor) -> Tensor:
        return self.lm_head(self.lstm(self.token_emb(idx))[0])


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return LSTM(vocab_size)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.NUM_STEPS = 300
    solution.train(model, tokens, device, seconds)
