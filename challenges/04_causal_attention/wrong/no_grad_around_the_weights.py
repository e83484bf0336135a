"""The attention weights are computed under no_grad."""
# caught-by: test_gradients
# advice: Your weights are cut from the graph, so q and k never learn. Only the mask may be made
# advice: under no_grad.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    @torch.no_grad()
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        return super().attention_weights(q, k)
