"""Prints 100 MB in its first call, and is right."""

import torch
from torch import nn


DONE = []


def double(x):
    if not DONE:
        DONE.append(True)
        print("first words")
        for _ in range(1000):
            print("x" * 99_999)
        print("last words")
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
