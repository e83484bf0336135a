"""Losses of a small actor-critic agent: the inherited module with as few changed lines as possible.

B episodes of T steps, D observed features, C hidden features, A actions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class ScaledSoftplus(torch.autograd.Function):
    """y = log(1 + exp(beta * x)) / beta, with the derivatives worked out by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        """Return y, of shape (..., C)."""
        y = F.softplus(beta * x) / beta  # (..., C)
        ctx.save_for_backward(x, beta, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients in x and in beta."""
        x, beta, y = ctx.saved_tensors
        slope = torch.sigmoid(beta * x)  # (..., C), computed here, where it is recorded
        grad_x = grad_output * slope  # (..., C)
        grad_beta = grad_output * (x * slope - y) / beta  # (..., C)
        return grad_x, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x: Tensor, beta: Tensor) -> Tensor:
    """Softplus with a learned sharpness, log(1 + exp(beta * x)) / beta.

    x: (..., C); beta: positive, any shape that broadcasts to x, such as () or (C,).
    Returns (..., C). Differentiable twice in x and in beta.
    """
    return ScaledSoftplus.apply(x, beta)


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    """Hidden states tanh(obs @ weight.T), zero at padded steps.

    obs: (B, T, D); weight: (C, D); padding: (B, T) bool, True where a step is padding.
    Returns (B, T, C).
    """
    hidden = torch.tanh(obs @ weight.T)  # (B, T, C)
    return hidden.masked_fill(padding.unsqueeze(-1), 0.0)


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    """Softmax of the scores over the steps that are not padding.

    scores: (B, T); padding: (B, T) bool, at least one False per row.
    Returns (B, T); rows sum to 1, padded steps hold 0.
    """
    scores = scores.masked_fill(padding, float("-inf"))  # (B, T)
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))  # (B, T)
    return weights / weights.sum(dim=-1, keepdim=True)


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Half the mean squared one-step TD error; the targets are constants.

    values: (B, T + 1); rewards: (B, T); dones: (B, T) bool, True where an episode ended.
    Returns a 0-d loss.
    """
    alive = (~dones).to(values.dtype)  # (B, T)
    targets = rewards + gamma * alive * values[:, 1:]  # (B, T)
    return 0.5 * (values[:, :-1] - targets.detach()).square().mean()


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    """Policy gradient with a baseline and an entropy bonus; the advantages are constants.

    logits: (B, T, A); actions: (B, T) int64; values, returns: (B, T). Returns a 0-d loss.
    """
    log_probs = F.log_softmax(logits, dim=-1)  # (B, T, A)
    taken = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)  # (B, T)
    with torch.no_grad():
        advantages = returns - values  # (B, T)
    entropy = -(log_probs.exp() * log_probs).sum(dim=-1)  # (B, T)
    return -(advantages * taken + entropy_coef * entropy).mean()


def combine_losses(losses: Sequence[Tensor], log_vars: Tensor) -> Tensor:
    """Sum of exp(-log_vars[k]) * losses[k] + log_vars[k] (weighting by learned uncertainty).

    losses: K tensors, each 0-d; log_vars: (K,). Returns a 0-d loss.
    """
    stacked = torch.stack(list(losses))  # (K,)
    return (torch.exp(-log_vars) * stacked + log_vars).sum()


class RunningScale:
    """Divides a signal by a running mean of its magnitude; the scale is a constant."""

    def __init__(self, decay: float = 0.99, eps: float = 1e-8) -> None:
        self.decay = decay
        self.eps = eps
        self.scale: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """x: any shape. Updates the scale with mean |x| and returns x / (scale + eps)."""
        magnitude = x.detach().abs().mean()  # ()
        if self.scale is None:
            self.scale = magnitude
        else:
            self.scale = self.decay * self.scale + (1 - self.decay) * magnitude
        return x / (self.scale + self.eps)


def grad_norm(loss: Tensor, params: Sequence[Tensor]) -> Tensor:
    """Norm of the gradient of loss over all params together, for the log.

    loss: 0-d, with a graph that the caller will use again. A parameter that the loss does not
    use counts as zero. Leaves every .grad as it was. Returns a 0-d tensor without a graph.
    """
    grads = torch.autograd.grad(loss, params, retain_graph=True, materialize_grads=True)
    return torch.stack([grad.norm() for grad in grads]).norm()


def gradient_penalty(critic: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    """Mean of (norm of d critic / d state - 1)^2, to be minimised over the critic's parameters.

    critic: maps (B, D) to (B,) or (B, 1), each row on its own; states: (B, D), constants.
    Returns a 0-d loss.
    """
    states = states.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(states).sum(), states, create_graph=True)  # (B, D)
    return (slopes.norm(dim=-1) - 1).square().mean()
