"""A bad num_heads meets an assert."""
# caught-by: test_bad_num_heads
# advice: The check of num_heads is missing, incomplete or an assert, which python -O removes. 0 divides
# advice: nothing, and -2 divides 8. Raise ValueError unless num_heads is a positive divisor of embed_dim.

import solution


class CausalSelfAttention(solution.CausalSelfAttention):
    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        assert num_heads != 0
        assert embed_dim % num_heads == 0
        super().__init__(embed_dim, abs(num_heads), dropout)
