"""Loops for ever, beside a process that shows by its label that the loop has begun."""

import subprocess
import sys
import time

import torch
from label import LABEL
from torch import nn


def double(x):
    subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)", LABEL],
        start_new_session=True,
    )
    while True:
        time.sleep(0.01)


def row_means(x):
    return x.mean(dim=1)


class Affine(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.weight * x + self.bias
