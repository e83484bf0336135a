"""Affine forgets its bias."""
# caught-by: test_affine
# advice: forward must add the bias after scaling.

import solution
from solution import *  # noqa: F403


class Affine(solution.Affine):
    def forward(self, x):
        return self.weight * x
