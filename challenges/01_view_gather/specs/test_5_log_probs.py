"""Specs of challenge 01: token_log_probs."""

import pytest
import torch
from tensors import expect_repeats, expect_same_gradients, leaf, normal, random_index


@pytest.mark.points(3)
def test_log_probs_of_targets(submission, reference, rng, expect):
    """token_log_probs gives log softmax(logits) at the target, for any leading shape."""
    hint = "Normalise over the last dim, then pick the entry of each target."
    sides = submission.token_log_probs, reference.token_log_probs
    for shape in [(), (6,), (3, 4), (2, 3, 4)]:
        logits, targets = leaf(rng, *shape, 7), random_index(rng, 7, shape)
        actual, expected = (side(logits, targets) for side in sides)
        expect(actual, expected, hint=hint)
        expect_same_gradients(expect, rng, sides, logits, targets, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_log_probs_of_targets")
def test_log_probs_of_huge_logits(submission, reference, rng, expect):
    """Values and gradients stay right for logits around +10,000 and -10,000."""
    hint = "exp overflows and log(0) is -inf: subtract the maximum before you exponentiate."
    sides = submission.token_log_probs, reference.token_log_probs
    signs = torch.randint(2, (3, 5, 7), generator=rng) * 2 - 1
    for shift in (1e4, -1e4, 1e4 * signs):
        logits = (normal(rng, 3, 5, 7) + shift).requires_grad_()
        targets = random_index(rng, 7, (3, 5))
        expect_same_gradients(expect, rng, sides, logits, targets, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_log_probs_of_targets")
def test_ignored_targets_count_nothing(submission, reference, rng, expect):
    """Where the target is -100 the value is 0 and no gradient reaches the logits."""
    hint = "Replace the ignored targets before you look them up, and the values afterwards."
    sides = submission.token_log_probs, reference.token_log_probs
    for vocab_size in (7, 130):
        logits, targets = leaf(rng, 3, 5, vocab_size), random_index(rng, vocab_size, (3, 5))
        targets[0, 1:3] = targets[2] = -100
        expect_same_gradients(expect, rng, sides, logits, targets, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_log_probs_of_targets")
def test_ignore_index_is_an_argument(submission, reference, rng, expect):
    """Any ignore_index works, also one that is a token of the vocabulary."""
    hint = "Compare targets with the argument ignore_index."
    for ignore_index in (3, 0, -1):
        logits, targets = leaf(rng, 4, 5, 7), random_index(rng, 7, (4, 5))
        targets[1, 2:] = ignore_index
        expected = reference.token_log_probs(logits, targets, ignore_index=ignore_index)
        actual = submission.token_log_probs(logits, targets, ignore_index=ignore_index)
        expect(actual, expected, hint=hint)


# A remark, without points: a recorder that hands on copies would hide what is written.
@pytest.mark.points(0)
@pytest.mark.needs("test_ignored_targets_count_nothing", "test_gather_matches_the_definition")
def test_arguments_stay_as_they_were(submission, reference, rng, expect):
    """token_log_probs and gather do not write into targets and index."""
    hint = "An operator that ends in _, or an assignment to part of a tensor, changes the caller's."
    logits, targets = normal(rng, 4, 5, 7), random_index(rng, 7, (4, 5))
    targets[2] = -100
    # Only logits are hidden: reading targets into Python is no mistake here.
    sides = submission.token_log_probs, reference.token_log_probs
    after = expect_repeats(expect, sides, logits, targets, hidden=(0,)).args
    expect(after, (logits, targets), hint=hint, exact=True)
    index = random_index(rng, 5, (4, 2, 7))
    sides = submission.gather, reference.gather
    after = expect_repeats(expect, sides, logits, 1, index).args
    expect(after, (logits, 1, index), hint=hint, exact=True)


@pytest.mark.points(2)
@pytest.mark.needs("test_log_probs_of_targets")
def test_log_probs_beside_banned_tokens(submission, reference, rng, expect):
    """Logits of -inf at tokens that are not the target leave values and gradients finite."""
    hint = "0 * -inf is nan: pick and fill values instead of multiplying by a mask."
    logits, targets = normal(rng, 4, 5, 7), 3 + random_index(rng, 4, (4, 5))
    logits[..., :3] = -torch.inf
    targets[1, ::2] = -100
    sides = submission.token_log_probs, reference.token_log_probs
    logits.requires_grad_()
    expect_same_gradients(expect, rng, sides, logits, targets, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_log_probs_of_targets")
def test_log_probs_keep_the_dtype(submission, reference, rng, expect):
    """float32 and bfloat16 logits give log-probabilities of the same dtype."""
    hint = "You may compute in another dtype, but return the dtype of the logits."
    for dtype in (torch.float32, torch.bfloat16):
        logits = normal(rng, 3, 5, 7).to(dtype).requires_grad_()
        targets = random_index(rng, 7, (3, 5))
        expected = reference.token_log_probs(logits, targets)
        actual = submission.token_log_probs(logits, targets)
        expect(actual, expected, hint=hint)
