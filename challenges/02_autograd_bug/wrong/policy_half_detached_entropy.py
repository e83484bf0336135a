"""The probabilities in the entropy are detached."""
# caught-by: test_policy_loss_gradients
# advice: The entropy depends on the logits through p and through log p. With p detached its gradient is exactly zero: detach neither.

import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    log_probs = F.log_softmax(logits, dim=-1)
    taken = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    advantages = (returns - values).detach()
    entropy = -(log_probs.exp().detach() * log_probs).sum(dim=-1)
    return -(advantages * taken + entropy_coef * entropy).mean()
