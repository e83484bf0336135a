"""Hidden specs of challenge 02.

The starter's forward values are right, so no spec stops at one: each asks for a gradient, a second
derivative, or what a call leaves behind. One bug costs one spec (two for
RunningScale and grad_norm, which can be repaired by half).
"""

from dataclasses import replace

import pytest
import torch

DOUBLE = torch.float64


def normal(rng, *shape):
    """Standard normal values in float64."""
    return torch.randn(shape, generator=rng, dtype=DOUBLE)


def sharpness(rng, *shape):
    """Between 0.5 and 2: away from the threshold where softplus turns into the identity."""
    return 0.5 + 1.5 * torch.rand(shape, generator=rng, dtype=DOUBLE)


def padding_mask(batch, steps):
    """Episodes of 1, 2, … T - 1 real steps in turn, then padding."""
    lengths = 1 + torch.arange(batch) % (steps - 1)
    return torch.arange(steps) >= lengths[:, None]


def leaves(*tensors):
    """Copies that ask for a gradient."""
    return [t.detach().clone().requires_grad_() for t in tensors]


def in_dtypes(*tensors):
    """The same tensors in float64, then in float32."""
    return [[t.to(dtype) for t in tensors] for dtype in (DOUBLE, torch.float32)]


def vjps(submission, reference, name, *args, **options):
    """The same vjp call on the hand-in's and on the reference's function."""
    return [getattr(side, name).vjp(*args, **options) for side in (submission, reference)]


@pytest.mark.points(8)
def test_scaled_softplus_gradients(submission, reference, rng, expect):
    """scaled_softplus has the right gradient in x and in beta, for every shape of beta."""
    hint = "Run torch.autograd.gradcheck on it, with a beta that is neither 1 nor of x's shape."
    for shape, beta_shape in [((5, 3), (3,)), ((2, 4, 3), (4, 1)), ((4, 2), (4, 2)), ((6,), ())]:
        data = normal(rng, *shape), sharpness(rng, *beta_shape), normal(rng, *shape)
        for x, beta, cotangent in in_dtypes(*data):
            inputs = leaves(x, beta)
            actual, expected = vjps(
                submission, reference, "scaled_softplus", *inputs, cotangent=cotangent
            )
            expect(actual, expected, hint=hint)


@pytest.mark.points(10)
def test_scaled_softplus_second_derivatives(submission, reference, rng, expect):
    """scaled_softplus can be differentiated twice."""
    hint = (
        "The derivative of dy/dx is wrong or missing. torch.autograd.gradgradcheck shows it. Does "
        "autograd know how each tensor that backward computes with depends on x and beta?"
    )
    for shape, beta_shape in [((5, 3), (3,)), ((2, 4, 3), ())]:
        x, beta = leaves(normal(rng, *shape), sharpness(rng, *beta_shape))
        # A direction of zero for beta: a wrong dy/dbeta does not count twice.
        options = {
            "cotangent": normal(rng, *shape),
            "second": (normal(rng, *shape), torch.zeros(beta_shape, dtype=DOUBLE)),
        }
        actual, expected = vjps(submission, reference, "scaled_softplus", x, beta, **options)
        expect(replace(actual, grads=()), replace(expected, grads=()), hint=hint)


@pytest.mark.points(8)
def test_encode_gradients(submission, reference, rng, expect):
    """encode passes no gradient through padded steps and the right one through the others."""
    hint = "Compare the gradients at padded and at real steps with the formula of encode."
    for batch, steps, obs_dim, hidden_dim in [(3, 5, 4, 6), (2, 2, 1, 3)]:
        padding = padding_mask(batch, steps)
        data = (
            normal(rng, batch, steps, obs_dim),
            normal(rng, hidden_dim, obs_dim),
            normal(rng, batch, steps, hidden_dim),
        )
        for obs, weight, cotangent in in_dtypes(*data):
            args = [*leaves(obs, weight), padding]
            actual, expected = vjps(submission, reference, "encode", *args, cotangent=cotangent)
            expect(actual, expected, hint=hint)


@pytest.mark.points(8)
def test_attention_weights_gradients(submission, reference, rng, expect):
    """attention_weights has the gradient of a softmax over the real steps."""
    hint = (
        "Call backward on a weighted sum of the result. Each score moves every weight of its row."
    )
    for batch, steps in [(4, 6), (3, 3)]:
        padding = padding_mask(batch, steps)
        for scores, cotangent in in_dtypes(normal(rng, batch, steps), normal(rng, batch, steps)):
            args = [*leaves(scores), padding]
            actual, expected = vjps(
                submission, reference, "attention_weights", *args, cotangent=cotangent
            )
            expect(actual, expected, hint=hint)


@pytest.mark.points(8)
def test_td_loss_gradients(submission, reference, rng, expect):
    """td_loss moves each prediction towards its target and never the target."""
    hint = "An inner value is used twice: as a prediction, and in the target one step earlier."
    for batch, steps in [(3, 5), (2, 1)]:
        rewards = normal(rng, batch, steps)
        dones = torch.arange(batch * steps).reshape(batch, steps) % 4 == 1
        args = [*leaves(normal(rng, batch, steps + 1)), rewards, dones, 0.9]
        actual, expected = vjps(submission, reference, "td_loss", *args, cotangent=normal(rng))
        expect(actual, expected, hint=hint)


@pytest.mark.points(9)
def test_policy_loss_gradients(submission, reference, rng, expect):
    """policy_loss trains the logits by both of its terms, and nothing else."""
    hint = "Inputs 0, 1, 2 are logits, values, returns. Which factors of the formula are trained?"
    for shape, actions, entropy_coef in [((3, 4), 5, 0.0), ((3, 4), 5, 0.3), ((2, 1), 2, 1.0)]:
        chosen = torch.randint(actions, shape, generator=rng)
        logits, values, returns = leaves(
            normal(rng, *shape, actions), normal(rng, *shape), normal(rng, *shape)
        )
        args = [logits, chosen, values, returns, entropy_coef]
        actual, expected = vjps(submission, reference, "policy_loss", *args, cotangent=normal(rng))
        expect(actual, expected, hint=hint)


@pytest.mark.points(7)
def test_combine_losses_gradients(submission, reference, rng, expect):
    """combine_losses passes gradient to every single loss and to the log-variances."""
    hint = "Follow one loss from the argument to the result: does its history come along?"
    for count in (3, 1):
        losses = leaves(*normal(rng, count).exp())
        args = [losses, *leaves(normal(rng, count))]
        actual, expected = vjps(
            submission, reference, "combine_losses", *args, cotangent=normal(rng)
        )
        expect(actual, expected, hint=hint)


@pytest.mark.points(8)
def test_running_scale_is_a_constant(submission, reference, rng, expect):
    """RunningScale divides by a constant, in the first step and in later ones."""
    hint = "The gradient of a step is its cotangent divided by the scale, and nothing else."
    for shape in [(3, 4), (5,)]:
        actual, expected = submission.RunningScale(0.8), reference.RunningScale(0.8)
        for _ in range(3):
            (x,), cotangent = leaves(normal(rng, *shape)), normal(rng, *shape)
            expect(
                actual.vjp(x, cotangent=cotangent), expected.vjp(x, cotangent=cotangent), hint=hint
            )


@pytest.mark.points(8)
def test_running_scale_can_be_copied(submission, reference, rng, expect):
    """A copy of a RunningScale can be made between two steps, and goes on like the original."""
    signals = [normal(rng, 4, 3) for _ in range(5)]

    def copy(side):
        return side.rig.copied(side.RunningScale(0.8), signals)

    hint = (
        "After three steps copy.deepcopy was called, as a checkpoint does, and the copy and the "
        "original went on. torch copies a tensor only if it hangs on no graph: what is remembered?"
    )
    expect(copy(submission), copy(reference), hint=hint)


@pytest.mark.points(0)
def test_running_scale_frees_the_graph(submission, reference, rng, expect):
    """RunningScale keeps no graph of an earlier step in memory."""
    signals = [normal(rng, 4, 3) for _ in range(4)]

    def probe(side):
        return side.rig.graphs_alive(side.RunningScale(0.8), signals)

    hint = (
        "Three steps were taken and their results dropped: no graph should be alive. What does "
        "the object remember from one call to the next?"
    )
    expect(probe(submission), probe(reference), hint=hint)


def layer_values(rng, *sizes):
    """Weights and biases of an MLP with these layer sizes."""
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    return [normal(rng, *shape) for shape in shapes], [normal(rng, out) for out, _ in shapes]


@pytest.mark.points(8)
def test_grad_norm_same_twice(submission, reference, rng, expect):
    """grad_norm gives the same answer however often it is called."""
    layers = layer_values(rng, 3, 4, 2)
    batches = [(normal(rng, 5, 3), normal(rng, 5, 2)) for _ in range(2)] * 2

    def norms(side):
        return side.rig.norms_of_steps(side.grad_norm, side.rig.mlp(*layers), batches)

    hint = (
        "Two losses were measured in turn, twice each, with one parameter in the list that they do "
        "not use. Each time only the gradient of the one loss counts."
    )
    expect(norms(submission), norms(reference), hint=hint)


@pytest.mark.points(8)
def test_grad_norm_leaves_no_trace(submission, reference, rng, expect):
    """grad_norm leaves every .grad as it was, and the loss can still be trained on."""
    layers, data = layer_values(rng, 3, 4, 2), (normal(rng, 5, 3), normal(rng, 5, 2))
    earlier = [normal(rng, 4, 3), normal(rng, 4), None, normal(rng, 2)]

    def train(side):
        return side.rig.measure_then_train(side.grad_norm, side.rig.mlp(*layers), *data, earlier)

    hint = (
        "Two losses of one forward pass were measured while gradients of an earlier micro-batch "
        "lay in .grad, then both were trained on, with the norms added as constants. Measuring must "
        "change neither."
    )
    expect(train(submission), train(reference), hint=hint)


@pytest.mark.points(10)
def test_gradient_penalty_trains_the_critic(submission, reference, rng, expect):
    """gradient_penalty sends the right gradient to the critic's parameters, and no other."""
    layers, batches = layer_values(rng, 3, 5, 4, 1), [normal(rng, 6, 3), normal(rng, 2, 3)]

    def penalise(side):
        return side.rig.penalty_grads(side.gradient_penalty, side.rig.mlp(*layers), batches)

    hint = (
        "After penalty.backward() every .grad of the critic was compared. The penalty is made of "
        "slopes, and the slopes depend on the parameters. Only that backward may write to .grad."
    )
    expect(penalise(submission), penalise(reference), hint=hint)
