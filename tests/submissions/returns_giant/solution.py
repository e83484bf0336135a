"""Returns a tensor that would fill 80 GB if it were sent."""

import torch
from torch import nn


def double(x):
    return (x[:1] * 2).expand(100_000, 100_000)


def row_means(x):
    return x.mean(dim=1)


class Affine(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.weight * x + self.bias
