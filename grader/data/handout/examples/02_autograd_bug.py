"""The examples of the brief of 02."""

import math

import torch
from torch.testing import assert_close


def example_td_loss(mine):
    """td_loss: the value, and a gradient that does not pass through the targets"""
    values = torch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    rewards, dones = torch.tensor([[1.0, 0.0]]), torch.tensor([[False, False]])
    loss = mine.td_loss(values, rewards, dones, 0.5)
    assert_close(loss.detach(), torch.tensor(0.25))
    loss.backward()
    assert_close(values.grad, torch.tensor([[-0.5, 0.0, 0.0]]))


def example_softplus(mine):
    """scaled_softplus at x = 0, beta = 2: the value and both derivatives"""
    x = torch.zeros((), dtype=torch.float64, requires_grad=True)
    beta = torch.full((), 2.0, dtype=torch.float64, requires_grad=True)
    y = mine.scaled_softplus(x, beta)
    assert_close(y.item(), math.log(2) / 2)
    by_x, by_beta = torch.autograd.grad(y, (x, beta))
    assert_close(by_x.item(), 0.5)
    assert_close(by_beta.item(), -math.log(2) / 4)


def example_softplus_twice(mine):
    """scaled_softplus at x = 0, beta = 2: the second derivatives"""
    x = torch.zeros((), dtype=torch.float64, requires_grad=True)
    beta = torch.full((), 2.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(mine.scaled_softplus(x, beta), x, create_graph=True)
    twice, mixed = torch.autograd.grad(slope, (x, beta))
    assert_close(twice.item(), 0.5)
    assert_close(mixed.item(), 0.0)
