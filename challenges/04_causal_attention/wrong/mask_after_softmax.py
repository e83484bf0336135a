"""The mask multiplies the weights after the softmax."""
# caught-by: test_weights_sum_to_one
# caught-by: test_output_depends_on_the_past_and_never_on_the_future
# advice: You mask after the softmax: the visible weights no longer sum to 1 and their sum tells
# advice: about the future. Mask the scores before it.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        return scores.softmax(dim=-1).tril()
