"""The rate of dropout is fixed at 0.1."""
# caught-by: test_dropout_is_off_in_eval_mode_and_at_rate_zero
# caught-by: test_dropout_drops_attention_weights_in_train_mode
# advice: Your dropout ignores the constructor's argument. Pass it on: nn.Dropout(dropout).

import solution


class CausalSelfAttention(solution.CausalSelfAttention):
    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__(embed_dim, num_heads)
