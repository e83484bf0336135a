"""How a language model is scored: by prefixes, with the exact loss as control variate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from language import STORY_LEN, Stories
from torch import Tensor

# One-sided 99% of the normal distribution.
CONFIDENCE_99 = 2.33

# See log_evidence: in an honest game the chance is at most e**-25, about 1e-11.
IMPOSSIBLE = 25.0

LastLogits = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error."""

    mean: float
    stderr: float

    @property
    def upper(self) -> float:
        """The mean is below this with 99% confidence."""
        return self.mean + CONFIDENCE_99 * self.stderr

    @property
    def lower(self) -> float:
        """The mean is above this with 99% confidence."""
        return self.mean - CONFIDENCE_99 * self.stderr

    def shifted(self, by: float) -> "Estimate":
        """The estimate of a mean that differs by a known number."""
        return Estimate(self.mean + by, self.stderr)

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.stderr:.3f}"


def prefix_lengths(num_stories: int) -> Tensor:
    """The prefix of story i that is sent: 1..47 in turn, so that every length has its share."""
    return 1 + torch.arange(num_stories) % (STORY_LEN - 1)


def at_scored_position(values: Tensor) -> Tensor:
    """Of values (N, 48) per token, the one of the token that follows story i's prefix."""
    return values.gather(1, prefix_lengths(len(values)).unsqueeze(1)).squeeze(1)


def model_nll(last_logits: LastLogits, stories: Stories) -> Tensor:
    """Negative log-likelihood (N,) of the token after each story's prefix.

    `last_logits` is given prefixes (B, t) of one length and returns logits (B, V). It never gets
    to see the token that it is asked about, nor any later one, and is asked once per story.
    """
    lengths = prefix_lengths(len(stories.tokens))
    nll = torch.empty(len(lengths), dtype=torch.float64)
    for length in range(1, STORY_LEN):
        rows = stories.tokens[lengths == length]
        log_probs = last_logits(rows[:, :length].contiguous()).double().log_softmax(dim=1)
        nll[lengths == length] = -log_probs.gather(1, rows[:, length : length + 1]).squeeze(1)
    return nll


def stratified(values: Tensor) -> Estimate:
    """The mean of values (N,), one per story, and its standard error, stratified by length."""
    lengths = prefix_lengths(len(values))
    strata = [values[lengths == length] for length in range(1, STORY_LEN)]
    means = torch.stack([stratum.mean() for stratum in strata])
    variances = torch.stack([stratum.var() / len(stratum) for stratum in strata])
    return Estimate(float(means.mean()), math.sqrt(float(variances.sum())) / len(strata))


def log_evidence(nll: Tensor, stories: Stories) -> float:
    """The log of the likelihood ratio of model and true language on the scored tokens.

    Whatever the model, the ratio's expectation is at most 1: each token is drawn from the true
    language after the model has put its probabilities on the table. So by Markov's inequality it
    exceeds e**c with a chance of at most e**-c, unless the model knew what it could not know.
    """
    return float(-(nll + at_scored_position(stories.log_probs)).sum())
