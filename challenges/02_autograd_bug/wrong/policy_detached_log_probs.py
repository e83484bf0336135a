"""The log-probabilities are detached together with the advantages."""
# caught-by: test_policy_loss_gradients
# advice: You detached the product of advantage and log-probability: the policy term trains nothing any more. Detach only the advantages.

import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


def policy_loss(
    logits: Tensor, actions: Tensor, values: Tensor, returns: Tensor, entropy_coef: float
) -> Tensor:
    log_probs = F.log_softmax(logits, dim=-1)
    taken = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
    gain = ((returns - values) * taken).detach()
    return -(gain + entropy_coef * entropy).mean()
