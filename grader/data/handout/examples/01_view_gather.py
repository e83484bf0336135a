"""The examples of the brief of 01."""

import math

import torch
from torch.testing import assert_close


def raises(call, *arguments):
    """Whether a call raises ValueError."""
    try:
        call(*arguments)
    except ValueError:
        return True
    return False


def example_strides(mine):
    """view_strides: row-major, transposed, and far beyond 64 bits"""
    assert tuple(mine.view_strides((2, 3, 4), (12, 4, 1), (6, 4))) == (4, 1)
    assert tuple(mine.view_strides((4, 3), (1, 4), (2, 2, 3))) == (2, 1, 4)
    large = mine.view_strides((3, 2**40, 2**40), (2**80, 2**40, 1), (3 * 2**79, 2))
    assert tuple(large) == (2, 1), f"(2, 1) was expected, and {large} came"


def example_no_view(mine):
    """view_strides: ValueError where no view exists"""
    assert raises(mine.view_strides, (4, 3), (1, 4), (12,)), "a ValueError was expected"


def example_expanded(mine):
    """view_strides: a dim of stride 0 can be split"""
    found = tuple(mine.view_strides((5, 6), (0, 1), (5, 1, 2, 3)))
    assert (found[0], *found[2:]) == (0, 3, 1), f"(0, ?, 3, 1) was expected, and {found} came"


def example_view(mine):
    """view: a transposed tensor"""
    x = torch.arange(12).reshape(3, 4).t()
    assert mine.view(x, (2, 2, 3)).stride() == (2, 1, 4)
    assert raises(mine.view, x, (12,)), "a ValueError was expected"


def example_gather(mine):
    """gather: values, and gradients that add up"""
    src = torch.tensor([[10.0, 11.0, 12.0], [20.0, 21.0, 22.0]], requires_grad=True)
    out = mine.gather(src, 1, torch.tensor([[2, 0], [1, 1]]))
    assert_close(out.detach(), torch.tensor([[12.0, 10.0], [21.0, 21.0]]))
    out.sum().backward()
    assert_close(src.grad, torch.tensor([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]))


def example_heads(mine):
    """split_heads and merge_heads: there and back"""
    x = torch.arange(24.0).reshape(1, 2, 12)
    heads = mine.split_heads(x, 3)
    assert heads.shape == (1, 3, 2, 4)
    assert_close(heads[0, 1, 0], torch.tensor([4.0, 5.0, 6.0, 7.0]))
    assert_close(mine.merge_heads(heads), x)


def example_log_probs(mine):
    """token_log_probs: a target, and one that is ignored"""
    logits = torch.tensor([[0.0, math.log(3.0)], [5.0, 5.0]])
    found = mine.token_log_probs(logits, torch.tensor([1, -100]))
    assert_close(found, torch.tensor([math.log(0.75), 0.0]))


def example_windows(mine):
    """sliding_windows: of size 3, two apart"""
    found = mine.sliding_windows(torch.arange(7), size=3, step=2)
    assert_close(found, torch.tensor([[0, 1, 2], [2, 3, 4], [4, 5, 6]]))
