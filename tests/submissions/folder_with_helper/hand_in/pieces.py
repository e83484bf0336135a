"""The functions."""

import torch
from torch import nn


def double(x):
    return x * 2


def row_means(x):
    return x.mean(dim=1)


class Affine(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.weight * x + self.bias
