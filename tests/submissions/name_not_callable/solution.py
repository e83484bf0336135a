"""Assigns a number to a name that must be a function."""

import torch
from torch import nn


def double(x):
    return x * 2


row_means = 3


class Affine(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.weight * x + self.bias
