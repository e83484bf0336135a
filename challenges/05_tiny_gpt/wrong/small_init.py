"""All weights start with std 0.02, and token embedding and head are tied."""
# caught-by: test_reaches_the_target
# advice: Your loss stays on the plateau where nothing is looked up yet. In a net this small, std
# advice: 0.02 makes attention start from almost nothing: keep PyTorch's default initialisation.

import solution
from solution import *
from torch import Tensor, nn


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    model.lm_head.weight = model.token_emb.weight
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.NUM_STEPS = 900
    solution.train(model, tokens, device, seconds)
