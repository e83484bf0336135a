"""A backward of its own assigns the gradients, so the last duplicate wins."""

# caught-by: test_gather_adds_up_gradients
# advice: Your backward lets duplicates overwrite each other: add them up (scatter_add).

import solution
import torch
from solution import *


class Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, src, dim, index):
        ctx.save_for_backward(index)
        ctx.dim, ctx.shape = dim, src.shape
        return solution.gather(src, dim, index)

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        return grad.new_zeros(ctx.shape).scatter(ctx.dim, index, grad), None, None


def gather(src, dim, index):
    return Gather.apply(src, dim, index)
