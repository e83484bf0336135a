"""The entropy bonus is computed under no_grad."""
# caught-by: test_policy_loss_gradients
# advice: The entropy is computed inside no_grad: it appears in the loss but trains nothing. Only the advantages belong in there.

import torch
import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    log_probs = F.log_softmax(logits, dim=-1)
    taken = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    with torch.no_grad():
        advantages = returns - values
        entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
    return -(advantages * taken + entropy_coef * entropy).mean()
