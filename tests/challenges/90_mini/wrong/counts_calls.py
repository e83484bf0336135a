"""Affine adds something more with each call."""
# caught-by: test_affine_twice
# advice: forward must not keep anything between calls.

import solution
from solution import *  # noqa: F403


class Affine(solution.Affine):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * self.calls
