"""Challenge 05: a tiny GPT, trained and measured. Fill in the two functions; read brief.md first."""

import torch
from torch import Tensor, nn


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    """Return an untrained causal language model.

    Args:
        vocab_size: number of different tokens, V. 52 in the language that you are graded on.
        max_seq_len: the longest input that must work. 48 in that language.

    Returns:
        A module whose forward takes token ids idx (B, T) int64 with 1 <= T <= max_seq_len, and
        returns logits (B, T, V): those at position t predict token t + 1 from tokens 0..t. For
        the language above, its state_dict holds at most 500,000 numbers.
    """
    raise NotImplementedError


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    """Train the model in place.

    Args:
        model: from build_model, on `device`, in train mode.
        tokens: the corpus, (num_stories, 48) int64, on `device`; each row is one story.
        device: where to train.
        seconds: the time you have. Whoever still runs soon after is stopped, and scored with the
            weights that the model then has.
    """
    raise NotImplementedError
