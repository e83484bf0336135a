"""Hidden specs of challenge 05: the architecture first, in milliseconds; then one training, scored.

The language is drawn from the run's seed. The model that is scored is a second one, built anew and
given the trained weights, so what was learnt must sit in the parameters.
"""

import pytest
import torch
from language import STORY_LEN, VOCAB_SIZE, Language, entropy_floor
from ngram import best_ngram, unigram
from scoring import (
    IMPOSSIBLE,
    Estimate,
    at_scored_position,
    log_evidence,
    model_nll,
    stratified,
)

MAX_PARAMETERS = 500_000
NUM_STORIES = 20_000
SCORED_PER_LENGTH = 100
TARGET = 0.90

# The architecture is tried on a small vocabulary and short sequences.
SMALL_VOCAB, SMALL_LEN = 11, 12


def seed_from(rng):
    """A seed for the hand-in's side."""
    return int(torch.randint(2**31, (), generator=rng))


def build(submission, rng, device, vocab_size=SMALL_VOCAB, max_seq_len=SMALL_LEN):
    """A model in eval mode, its parameters shaken."""
    submission.seed(seed_from(rng))
    model = submission.build_model(vocab_size, max_seq_len)
    submission.rig.perturb(model, seed_from(rng))
    model.to(device)
    model.eval()
    return model


def random_tokens(rng, *shape, vocab_size=SMALL_VOCAB):
    """Uniformly drawn token ids."""
    return torch.randint(vocab_size, shape, generator=rng)


def checked(expect, logits, idx, vocab_size=SMALL_VOCAB):
    """The logits for `idx`, once their type, shape and dtype are right, without NaN."""
    shape = (*idx.shape, vocab_size)
    hint = f"For idx of shape {tuple(idx.shape)}, return logits (B, T, V) = {shape}, and only them."
    logits = expect.tensor(logits, shape=shape, hint=hint)
    expect.that(logits.dtype.is_floating_point, f"Your logits are {logits.dtype}, not floats.")
    return logits


@pytest.mark.points(4)
def test_logits(submission, rng, device, expect):
    """In eval mode, the same tokens give the same (B, T, V) logits and others give others."""
    for vocab_size, seq_len in [(11, 12), (VOCAB_SIZE, STORY_LEN), (40, 7)]:
        model = build(submission, rng, device, vocab_size, seq_len)
        idx = random_tokens(rng, 4, seq_len, vocab_size=vocab_size)
        idx[2] = idx[0]
        idx[3, -1] = (idx[0, -1] + 1) % vocab_size
        idx[3, :-1] = idx[0, :-1]
        output = model(idx)
        logits = checked(expect, output, idx, vocab_size)
        expect.that(output.requires_grad, "Your logits are cut from the graph: nothing can learn.")
        again = checked(expect, model(idx), idx, vocab_size)
        hint = "Dropout must be off in eval mode: use nn.Dropout, or pass training=self.training."
        expect.that(
            torch.allclose(again, logits, rtol=1e-3, atol=1e-4)
            and torch.allclose(logits[2], logits[0], rtol=1e-3, atol=1e-4),
            f"The same tokens gave other logits in eval mode.\n{hint}",
        )
        expect.that(
            not torch.allclose(logits[3, -1], logits[0, -1], rtol=1e-3, atol=1e-4),
            "Other tokens gave the same logits.",
        )
