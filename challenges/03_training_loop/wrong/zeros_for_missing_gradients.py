"""Gradients are cleared by writing zeros, so frozen parameters get one and decay."""
# caught-by: test_frozen_parameters_stay
# advice: Frozen parameters get a gradient of zeros, and weight decay moves them. Use zero_grad().

import solution
import torch
from solution import *  # noqa: F403

right_accumulate = solution.accumulate


def accumulate(model, group, criterion, device):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return right_accumulate(model, group, criterion, device)


solution.accumulate = accumulate
