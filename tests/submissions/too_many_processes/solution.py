"""Starts processes until it is stopped, at most 60."""

import os
import time

import torch
from torch import nn


def double(x):
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.01)
    time.sleep(60)
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
