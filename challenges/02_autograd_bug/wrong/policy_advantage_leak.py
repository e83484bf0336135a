"""no_grad was removed altogether, and the advantages train the critic."""
# caught-by: test_policy_loss_gradients
# advice: Without no_grad the policy loss sends gradient into values and returns. The advantages are constants: detach them.

import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    log_probs = F.log_softmax(logits, dim=-1)
    taken = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    advantages = returns - values
    entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
    return -(advantages * taken + entropy_coef * entropy).mean()
