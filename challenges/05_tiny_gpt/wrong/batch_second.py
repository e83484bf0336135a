"""The layers of torch.nn are used without batch_first=True."""
# caught-by: test_logits
# advice: Your attention runs along the batch. The layers of torch.nn take (T, B, C) unless you pass
# advice: batch_first=True.

import torch
from solution import *
from torch import Tensor, nn


class TransformerGPT(nn.Module):
    def __init__(self, vocab_size: int, max_seq_len: int) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(vocab_size, EMBED_DIM)
        self.pos_emb = nn.Embedding(max_seq_len, EMBED_DIM)
        self.layer = nn.TransformerEncoderLayer(EMBED_DIM, NUM_HEADS, 256, norm_first=True)
        self.lm_head = nn.Linear(EMBED_DIM, vocab_size)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.token_emb(idx) + self.pos_emb(torch.arange(idx.size(1), device=idx.device))
        mask = nn.Transformer.generate_square_subsequent_mask(idx.size(0), device=idx.device)
        return self.lm_head(self.layer(x, src_mask=mask, is_causal=True))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return TransformerGPT(vocab_size, max_seq_len)
