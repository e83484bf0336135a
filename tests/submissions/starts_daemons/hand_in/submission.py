"""Right, but leaves daemon threads and processes behind, one of them in a session of its own."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from label import LABEL
from torch import nn

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)", LABEL]


def start_detached():
    """Fork twice, so that nobody is the process's parent."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execv(SLEEPER[0], SLEEPER)


def spin():
    while True:
        time.sleep(0.01)


def running():
    """Return how many processes carry the label."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += LABEL.encode() in path.read_bytes()
        except OSError:
            pass
    return found


for _ in range(3):
    threading.Thread(target=spin, daemon=True).start()
CHILDREN = [subprocess.Popen(SLEEPER), subprocess.Popen(SLEEPER, start_new_session=True)]
start_detached()
while running() < 3:
    time.sleep(0.01)
print(f"sleepers: {running()}")


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
