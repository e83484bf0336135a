"""Losses of a small actor-critic agent, rewritten: no custom Function, no detach, few own formulas.

B episodes of T steps, D observed features, C hidden features, A actions.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical


def scaled_softplus(x: Tensor, beta: Tensor) -> Tensor:
    """Return log(1 + exp(beta * x)) / beta = -log(sigmoid(-beta * x)) / beta, as x: (..., C)."""
    return -F.logsigmoid(-beta * x) / beta


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    """Return hidden states (B, T, C). Padding sees nothing, and tanh(0) = 0."""
    seen = torch.where(padding.unsqueeze(-1), 0.0, obs)  # (B, T, D)
    return torch.tanh(F.linear(seen, weight))


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    """Return the softmax (B, T) of each row over the steps that are not padding."""
    return F.softmax(torch.where(padding, float("-inf"), scores), dim=-1)


@torch.no_grad()
def td_targets(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Return the targets (B, T) from values (B, T + 1), as constants."""
    return torch.where(dones, rewards, rewards + gamma * values[:, 1:])


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Return half the mean squared one-step TD error."""
    return F.mse_loss(values[:, :-1], td_targets(values, rewards, dones, gamma)) / 2


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    """Return the policy gradient loss with a baseline and an entropy bonus."""
    policy = Categorical(logits=logits)
    with torch.no_grad():
        advantages = returns - values  # (B, T)
    gain = advantages * policy.log_prob(actions)
    return -gain.mean() - entropy_coef * policy.entropy().mean()


def combine_losses(losses: Sequence[Tensor], log_vars: Tensor) -> Tensor:
    """Return the sum of exp(-log_vars[k]) * losses[k] + log_vars[k]."""
    total = log_vars.sum()
    for loss, log_var in zip(losses, log_vars.unbind(), strict=True):
        total = total + loss * torch.exp(-log_var)
    return total


class RunningScale:
    """Divides a signal by a running mean of its magnitude, which is a plain Python float."""

    def __init__(self, decay: float = 0.99, eps: float = 1e-8) -> None:
        self.decay = decay
        self.eps = eps
        self.scale: float | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Update the scale with mean |x| and return x / (scale + eps)."""
        magnitude = x.abs().mean().item()
        if self.scale is None:
            self.scale = magnitude
        self.scale = self.decay * self.scale + (1 - self.decay) * magnitude
        return x / (self.scale + self.eps)


def grad_norm(loss: Tensor, params: Sequence[Tensor]) -> Tensor:
    """Return the norm of the gradient over all params: borrow every .grad, then give it back."""
    before = [param.grad for param in params]
    try:
        for param in params:
            param.grad = None
        loss.backward(retain_graph=True, inputs=list(params))
        squares = [p.grad.square().sum() for p in params if p.grad is not None]
        return torch.stack([loss.detach().new_zeros(()), *squares]).sum().sqrt()
    finally:
        for param, grad in zip(params, before, strict=True):
            param.grad = grad


def gradient_penalty(critic: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    """Return the mean of (norm of d critic / d state - 1)^2, from a vector-Jacobian product."""
    scores, pull_back = torch.func.vjp(critic, states.detach())
    (slopes,) = pull_back(torch.ones_like(scores))  # (B, D): rows do not see each other
    return (torch.linalg.vector_norm(slopes, dim=-1) - 1).square().mean()
