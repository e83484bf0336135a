"""Two threads wait for each other's lock."""

import threading
import time

import torch
from torch import nn


FIRST, SECOND = threading.Lock(), threading.Lock()


def hold(mine, other):
    with mine:
        time.sleep(0.05)
        with other:
            pass


def double(x):
    threads = [
        threading.Thread(target=hold, args=(FIRST, SECOND)),
        threading.Thread(target=hold, args=(SECOND, FIRST)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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
