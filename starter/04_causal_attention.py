"""Challenge 04: causal self-attention. Fill in the two methods; read brief.md first."""

from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which position t attends to positions 0..t.

    Submodules, with exactly these names:
        qkv:  nn.Linear(embed_dim, 3 * embed_dim, bias=False); its output is q, k, v in this
              order, each embed_dim wide, head h in features h * head_dim .. (h + 1) * head_dim - 1
        proj: nn.Linear(embed_dim, embed_dim), applied to the merged heads
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        """Create the layers.

        Args:
            embed_dim: features per position, C.
            num_heads: number of heads, a positive divisor of embed_dim.
            dropout: probability of dropping an attention weight in train mode.

        Raises:
            ValueError: num_heads is not a positive divisor of embed_dim.
        """
        super().__init__()
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Attend causally.

        Args:
            x: (B, T, C) of any floating dtype, on any device; T may differ from call to call.

        Returns:
            (B, T, C), dtype and device of x.
        """
        raise NotImplementedError
