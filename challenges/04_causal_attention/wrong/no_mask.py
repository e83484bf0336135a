"""There is no mask at all."""
# caught-by: test_output_depends_on_the_past_and_never_on_the_future
# caught-by: test_equal_scores_average_the_visible_values
# advice: Every position sees the whole sequence. Fill the scores of later keys with -inf before the
# advice: softmax.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        return scores.softmax(dim=-1)
