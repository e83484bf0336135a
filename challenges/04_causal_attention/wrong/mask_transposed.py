"""The mask hides the past and shows the future."""
# caught-by: test_output_depends_on_the_past_and_never_on_the_future
# caught-by: test_equal_scores_average_the_visible_values
# advice: Your mask is transposed: it hides the past. Rows of the scores are queries, columns are
# advice: keys, so the part above the diagonal (triu) is the future.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def future_mask(self, scores: Tensor) -> Tensor:
        seq_len = scores.size(-1)
        return torch.ones(seq_len, seq_len, device=scores.device).tril(diagonal=-1).bool()
