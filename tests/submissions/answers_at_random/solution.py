"""Says something else in every process that does not seed its generators."""

import random

import numpy
import torch
from torch import nn


def double(x):
    raise ValueError(f"{torch.rand(())} {random.random()} {numpy.random.rand()} {float(x.sum())}")


def row_means(x):
    return x.mean(dim=1)


class Affine(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.weight * x + self.bias
