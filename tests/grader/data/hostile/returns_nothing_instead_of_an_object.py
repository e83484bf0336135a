"""Has a function without a return statement where a class should be."""
# status: graded
# score: 70

from accomplice import *  # noqa: F403


def Affine(weight, bias):  # noqa: N802
    """Forgets to return what it builds."""
