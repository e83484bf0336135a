"""The first third of qkv is taken for the keys, the second for the queries."""
# caught-by: test_query_looks_and_key_is_looked_at
# advice: You swapped q and k: the rows of qkv.weight are q, then k, then v, and the scores are q @
# advice: k^T.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        return super().attention_weights(k, q)
