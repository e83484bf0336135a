"""The examples of the brief of 04."""

import torch
from torch.testing import assert_close


def simple(mine, embed_dim):
    """A layer with one head whose `proj` is the identity."""
    layer = mine.CausalSelfAttention(embed_dim, 1, dropout=0.0).eval()
    with torch.no_grad():
        layer.proj.weight.copy_(torch.eye(embed_dim))
        layer.proj.bias.zero_()
    return layer


def example_equal_scores(mine):
    """Equal scores: each position averages what it sees"""
    layer = simple(mine, 1)
    with torch.no_grad():
        # q is x, every key is zero, v is x.
        layer.qkv.weight.copy_(torch.tensor([[1.0], [0.0], [1.0]]))
        found = layer(torch.tensor([[[3.0], [5.0], [10.0]]]))
    assert_close(found, torch.tensor([[[3.0], [4.0], [6.0]]]))


def example_two_tokens(mine):
    """Two tokens: the second one sees both"""
    layer = simple(mine, 2)
    with torch.no_grad():
        layer.qkv.weight.copy_(torch.eye(2).repeat(3, 1))
        found = layer(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    expected = torch.tensor([[[1.0, 0.0], [0.3302, 0.6698]]])
    assert_close(found, expected, atol=1e-4, rtol=0)
