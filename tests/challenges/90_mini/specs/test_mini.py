"""Hidden specs of the mini challenge."""

import pytest
import torch

DOUBLE = torch.float64


def normal(rng, *shape):
    """Standard normal float64 numbers that require grad."""
    return torch.randn(*shape, generator=rng, dtype=DOUBLE).requires_grad_()


@pytest.mark.points(30)
def test_double(submission, reference, rng, expect):
    """double returns twice its input, for inputs of any shape."""
    for shape in ((5,), (3, 7)):
        x = normal(rng, *shape)
        expect(submission.double(x), reference.double(x), hint="double(x) is 2·x.")


@pytest.mark.points(10)
@pytest.mark.needs("test_double")
def test_double_gradient(submission, reference, rng, expect):
    """The gradient of double is 2 everywhere."""
    x, cotangent = normal(rng, 4), normal(rng, 4).detach()
    actual = submission.double.vjp(x, cotangent=cotangent)
    expect(actual, reference.double.vjp(x, cotangent=cotangent), hint="Keep x in the graph.")


@pytest.mark.points(30)
def test_row_means(submission, reference, rng, expect):
    """row_means returns the mean of each row."""
    x = normal(rng, 4, 6)
    expect(submission.row_means(x), reference.row_means(x), hint="Which dimension is a row?")


@pytest.mark.points(20)
def test_affine(submission, reference, rng, expect):
    """Affine computes weight · x + bias with the numbers that it was built with."""
    x = normal(rng, 3, 2)
    weight, bias = torch.randn(2, generator=rng).tolist()
    actual = submission.Affine(weight, bias).double()(x)
    expect(actual, reference.Affine(weight, bias).double()(x), hint="weight scales, bias shifts.")


@pytest.mark.points(10)
@pytest.mark.needs("test_affine")
def test_affine_twice(submission, reference, rng, expect):
    """An Affine can be applied to its own output."""
    x = normal(rng, 3)
    weight, bias = torch.randn(2, generator=rng).tolist()
    actual = submission.rig.composed(submission.Affine(weight, bias).double(), x)
    expected = reference.rig.composed(reference.Affine(weight, bias).double(), x)
    expect(actual, expected, hint="forward must not keep anything between calls.")
