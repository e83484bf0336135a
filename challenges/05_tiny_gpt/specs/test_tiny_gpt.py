"""Hidden specs of challenge 05: the architecture first, in milliseconds; then one training, scored.

The language is drawn from the run's seed. The model that is scored is a second one, built anew in
another process that never saw the corpus, and given the trained weights: what was learnt must sit in
them.
"""

import math
import time

import pytest
import torch
from language import STORY_LEN, VOCAB_SIZE, Language, entropy_floor
from ngram import best_ngram, fit, unigram
from scoring import IMPOSSIBLE, at_scored_position, log_evidence, model_nll, stratified

MAX_PARAMETERS = 500_000
NUM_STORIES = 20_000
SCORED_PER_LENGTH = 100
SCORED_PER_LENGTH_FRESH = 20
TARGET = 1.10
# The grace for a train that is stopped, and the way of the weights to the judge.
HANDOVER_SECONDS = 10.0
# A plain GPT needs a second or two. Whoever learns from the questions needs far more.
SCORING_SECONDS = 40.0

# The architecture is tried on a small vocabulary and short sequences.
SMALL_VOCAB, SMALL_LEN = 13, 12


def seed_from(rng):
    """A seed for the hand-in's side."""
    return int(torch.randint(2**31, (), generator=rng))


def build(submission, rng, device, vocab_size=SMALL_VOCAB, max_seq_len=SMALL_LEN):
    """A model in eval mode with noise on its parameters: none is zero or one by its initialisation."""
    submission.seed(seed_from(rng))
    model = submission.build_model(vocab_size, max_seq_len)
    submission.rig.perturb(model, seed_from(rng))
    model.to(device)
    model.eval()
    return model


def random_tokens(rng, *shape, vocab_size=SMALL_VOCAB):
    """Token ids, uniformly drawn."""
    return torch.randint(vocab_size, shape, generator=rng)


def checked(expect, logits, idx, vocab_size=SMALL_VOCAB):
    """The logits for `idx` once type, shape and dtype are right and all numbers finite."""
    hint = (
        "forward takes idx (B, T) and returns logits (B, T, V): no tuple, no loss, every position."
    )
    logits = expect.tensor(logits, shape=(*idx.shape, vocab_size), hint=hint)
    dtype = str(logits.dtype).removeprefix("torch.")
    expect.that(logits.is_floating_point(), f"Your logits are {dtype}.\n{hint}")
    return logits


def weights_of(model, expect):
    """The tensors of a model's state_dict, by name."""
    state = model.state_dict()
    expect.that(isinstance(state, dict), "state_dict() did not return a dict.")
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def alike(a, b):
    """Whether logits agree up to the rounding of kernels that depend on the batch's shape."""
    return torch.allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.points(5)
def test_logits(submission, rng, device, expect):
    """In eval mode the same tokens give the same (B, T, V) logits, and others give others."""
    for vocab_size, seq_len in [(SMALL_VOCAB, SMALL_LEN), (VOCAB_SIZE, STORY_LEN), (40, 7)]:
        model = build(submission, rng, device, vocab_size, seq_len)
        idx = random_tokens(rng, 4, seq_len, vocab_size=vocab_size)
        idx[2:] = idx[0]
        idx[3, -1] = (idx[0, -1] + 1) % vocab_size
        logits = checked(expect, model(idx), idx, vocab_size)
        again = checked(expect, model(idx), idx, vocab_size)
        expect.that(
            alike(again, logits),
            "In eval mode the same call gave other logits the second time.\n"
            "Dropout must follow train() and eval(), and no call may leave a trace in the model.",
        )
        expect.that(
            alike(logits[2], logits[0]),
            "Two equal rows of a batch gave different logits.\n"
            "idx is (B, T): rows are separate sequences, and attention runs along each of them.",
        )
        expect.that(
            not alike(logits[3, -1], logits[0, -1]),
            "Another token gave the same logits.\nThe logits at t depend on token t itself, too.",
        )


@pytest.mark.points(0)
@pytest.mark.needs("test_logits")
def test_logits_have_a_graph(submission, rng, device, expect):
    """The logits can be differentiated."""
    logits = build(submission, rng, device)(random_tokens(rng, 2, SMALL_LEN))
    expect.that(
        logits.requires_grad,
        "Your logits are cut from the graph, so a gradient can teach nothing.\n"
        "no_grad is for whoever evaluates; detach, .data and .item() cut as well.",
    )


@pytest.mark.points(2)
@pytest.mark.needs("test_logits")
def test_number_of_parameters(submission, expect):
    """The model for this language has at most 500,000 parameters, buffers included."""
    check_size(weights_of(submission.build_model(VOCAB_SIZE, STORY_LEN), expect), expect)


def check_size(weights, expect):
    """Whether the weights are no more numbers than allowed."""
    count = sum(weight.numel() for weight in weights.values())
    expect.that(
        count <= MAX_PARAMETERS,
        f"The model is larger than allowed.\nIts state_dict holds {count:,} numbers.",
    )


@pytest.mark.points(6)
@pytest.mark.needs("test_logits")
def test_future_tokens_do_not_reach_the_past(submission, rng, device, expect):
    """The logits at position t do not depend on tokens after t."""
    changed, base = change_each_token(submission, rng, device, expect)
    moved = ~torch.isclose(changed, base, rtol=1e-3, atol=1e-4).all(dim=2)  # (token s, position t)
    token, position = moved.tril(-1).nonzero(as_tuple=True)  # t < s
    if len(token):
        reach = int((token - position).max())
        which = "any later token" if reach == SMALL_LEN - 1 else "the next few tokens"
        expect.that(
            False,
            f"The logits at a position depend on {which}.\n"
            "Position t attends to 0..t. In use there is nothing after t to peek at.",
        )


def change_each_token(submission, rng, device, expect):
    """Logits with token s changed, (T, T, V) by s and position, and those of the original, (T, V)."""
    model = build(submission, rng, device)
    idx = random_tokens(rng, 1, SMALL_LEN).repeat(SMALL_LEN + 1, 1)
    idx[:-1] += torch.diag(torch.randint(1, SMALL_VOCAB, (SMALL_LEN,), generator=rng))
    idx %= SMALL_VOCAB
    logits = checked(expect, model(idx), idx)
    return logits[:-1], logits[-1]


@pytest.mark.points(3)
@pytest.mark.needs("test_logits")
def test_every_token_of_the_prefix_counts(submission, rng, device, expect):
    """The logits at position t depend on every one of the tokens 0..t."""
    changed, base = change_each_token(submission, rng, device, expect)
    moved = (changed - base).abs().amax(dim=2) > 1e-6
    expect.that(
        bool(moved[:, -1].all()),
        "The last logits do not depend on all tokens before them.\n"
        "A bigram model sees one token, a window a few: let every position look back to the start.",
    )


@pytest.mark.points(2)
@pytest.mark.needs("test_logits")
def test_order_of_the_prefix_counts(submission, rng, device, expect):
    """The logits depend on the order of the tokens before."""
    model = build(submission, rng, device)
    idx = torch.randperm(SMALL_VOCAB, generator=rng)[:SMALL_LEN].repeat(2, 1)
    idx[1, :-1] = idx[0, :-1].flip(0)
    logits = checked(expect, model(idx), idx)
    expect.that(
        not torch.allclose(logits[1, -1], logits[0, -1], rtol=0, atol=1e-6),
        "The prefix backwards gave the same last logits.\nTell the model where each token stands.",
    )


@pytest.mark.points(2)
@pytest.mark.needs("test_logits")
def test_rows_are_independent(submission, rng, device, expect):
    """A row gives the same logits alone as in any batch."""
    model = build(submission, rng, device)
    idx = random_tokens(rng, 5, SMALL_LEN)
    together = checked(expect, model(idx), idx)
    for row in range(5):
        alone = checked(expect, model(idx[row : row + 1]), idx[row : row + 1])
        expect.that(
            alike(alone[0], together[row]),
            "A row gives other logits alone than in a batch.\n"
            "Normalise over the features; no statistic, mask or softmax may run over the batch.",
        )


@pytest.mark.points(3)
@pytest.mark.needs("test_logits")
def test_any_length(submission, rng, device, expect):
    """A prefix of any length from 1 gives the first rows of the whole sequence's logits."""
    model = build(submission, rng, device, max_seq_len=STORY_LEN)
    idx = random_tokens(rng, 2, STORY_LEN)
    whole = checked(expect, model(idx), idx)
    for length in (1, 2, 3, 8, 31, STORY_LEN - 1):
        logits = checked(expect, model(idx[:, :length].contiguous()), idx[:, :length])
        expect.that(
            alike(logits, whole[:, :length]),
            "A prefix gives other logits than the same tokens in a longer sequence.\n"
            "Positions count from the start: 0..T-1, whatever T is.",
        )


@pytest.mark.points(0)
@pytest.mark.needs("test_logits")
def test_every_device(submission, reference, rng, device, expect):
    """The model runs where its parameters and tokens are (tried on the meta device)."""
    idx = random_tokens(rng, 3, SMALL_LEN)
    model = build(submission, rng, device)
    checked(expect, model(idx), idx)
    hint = "Whatever forward makes (positions, masks) is made with device=idx.device."
    expect(model.meta(idx), reference.build_model(SMALL_VOCAB, SMALL_LEN).meta(idx), hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_logits")
def test_weights_can_be_saved_and_restored(submission, rng, device, expect):
    """A second model with the first one's state_dict gives the same logits."""
    model, restored = build(submission, rng, device), build(submission, rng, device)
    restored.load_state_dict(weights_of(model, expect))
    idx = random_tokens(rng, 3, SMALL_LEN)
    expect.that(
        alike(checked(expect, restored(idx), idx), checked(expect, model(idx), idx)),
        "A model with restored weights gives other logits.\n"
        "Register what matters: nn.Parameter, nn.ModuleList (not a Python list), register_buffer.",
    )


def last_logits(model, expect):
    """A function from prefixes (B, t) to checked logits (B, V) at their last position."""
    spent = 0.0

    def ask(prefixes):
        nonlocal spent
        started = time.monotonic()
        logits = model(prefixes)
        spent += time.monotonic() - started
        expect.that(
            spent < SCORING_SECONDS,
            "Asking the trained model for its logits took too long.\n"
            "forward computes; whatever is learnt is learnt in train.",
        )
        return checked(expect, logits, prefixes, VOCAB_SIZE)[:, -1]

    return ask


def train_and_restore(submission, stranger, rng, corpus, device, budget, expect):
    """Train a model on the corpus, and return one that was given its weights elsewhere, and these."""
    submission.seed(seed_from(rng))
    model = submission.build_model(VOCAB_SIZE, STORY_LEN)
    model.to(device)
    model.train()
    before = weights_of(model, expect)
    started = time.monotonic()
    # A run that is stopped at the limit is scored with the weights that it has.
    submission.train.within(budget)(model, corpus, device, budget)
    after = weights_of(model, expect)
    expect.that(
        time.monotonic() - started < budget + HANDOVER_SECONDS,
        "The weights came too late after the end of the training time.\n"
        "state_dict() hands over what train has learnt; nothing is learnt there.",
    )
    expect.that(
        any(name not in after or not torch.equal(before[name], after[name]) for name in before),
        "train left the model as it was.\nTrain the model that you are given, in place.",
    )
    check_size(after, expect)
    restored = stranger().build_model(VOCAB_SIZE, STORY_LEN)
    restored.load_state_dict(after)
    restored.to(device)
    restored.eval()
    return restored, after


def scored(restored, stories, expect, violation):
    """The negative log-likelihood for each story, and the loss that it estimates."""
    nll = model_nll(last_logits(restored, expect), stories)
    if log_evidence(nll, stories) > IMPOSSIBLE:
        violation(
            "The loss lies below the entropy of the language, which takes knowing the answers."
        )
    excess = stratified(nll + at_scored_position(stories.log_probs))
    return nll, excess.shifted(entropy_floor())


@pytest.mark.points(10)
@pytest.mark.needs(
    "test_number_of_parameters",
    "test_future_tokens_do_not_reach_the_past",
    "test_every_token_of_the_prefix_counts",
    "test_order_of_the_prefix_counts",
    "test_rows_are_independent",
    "test_any_length",
    "test_weights_can_be_saved_and_restored",
)
def test_training_beats_the_unigram(
    submission, stranger, rng, device, budget, expect, metric, violation, shared
):
    """After training, the loss on new stories is below that of token frequencies."""
    language = Language(rng.initial_seed())
    corpus = language.stories(NUM_STORIES, "corpus").tokens
    stories = language.stories(SCORED_PER_LENGTH * (STORY_LEN - 1), "validation")
    restored, weights = train_and_restore(submission, stranger, rng, corpus, device, budget, expect)
    nll, loss = scored(restored, stories, expect, violation)
    metric(loss.mean, loss.stderr)
    shared.update(language=language, corpus=corpus, stories=stories, restored=restored)
    shared.update(nll=nll, loss=loss, weights=weights)
    expect.that(
        loss.lower < math.log(VOCAB_SIZE),
        "Training made the model worse than one that knows nothing.\n"
        f"Loss: {loss}. The logits at t predict token t + 1, on stories that are new each time.",
    )
    frequencies = unigram(corpus, VOCAB_SIZE).log_probs(stories.tokens)
    expect.that(
        stratified(nll + at_scored_position(frequencies)).upper < 0,
        "Training left the model no better than guessing by frequency.\n"
        f"Loss: {loss}. Does your training loss fall, and does it fall fast enough?",
    )


@pytest.mark.points(5)
@pytest.mark.needs("test_training_beats_the_unigram")
def test_knowledge_is_in_the_weights(stranger, rng, expect, shared):
    """Given the weights of an untrained model, the model has forgotten what it learnt."""
    stranger().seed(seed_from(rng))
    fresh = weights_of(stranger().build_model(VOCAB_SIZE, STORY_LEN), expect)
    shared["restored"].load_state_dict(fresh)
    stories = shared["language"].stories(SCORED_PER_LENGTH_FRESH * (STORY_LEN - 1), "fresh")
    nll = model_nll(last_logits(shared["restored"], expect), stories)
    frequencies = unigram(shared["corpus"], VOCAB_SIZE).log_probs(stories.tokens)
    expect.that(
        stratified(nll + at_scored_position(frequencies)).upper > -0.1,
        "With the weights of an untrained model it still knows the language.\n"
        "Keep what is learnt in parameters and buffers, not in globals or attributes.",
    )


def ngram_models(corpus):
    """Models to beat, the weaker first: to fail there says more."""
    best = best_ngram(corpus, VOCAB_SIZE)
    yield fit(corpus, VOCAB_SIZE, best.strengths[:2]), "a bigram model"
    yield best, "the best n-gram model"


@pytest.mark.points(15)
@pytest.mark.needs("test_training_beats_the_unigram")
def test_beats_the_best_ngram(expect, shared):
    """The loss is below that of the best back-off n-gram model of the same corpus."""
    stories, nll, loss = shared["stories"], shared["nll"], shared["loss"]
    for model, name in ngram_models(shared["corpus"]):
        advantage = stratified(nll + at_scored_position(model.log_probs(stories.tokens)))
        expect.that(
            advantage.upper < 0,
            f"The loss is not below that of {name}.\n"
            f"Yours: {loss}; its: {loss.mean - advantage.mean:.3f}; below with 99% confidence is asked. "
            "Does your learning curve still fall when training ends, or has it been flat for long?",
        )


@pytest.mark.points(25)
@pytest.mark.needs("test_knowledge_is_in_the_weights", "test_beats_the_best_ngram")
def test_reaches_the_target(expect, shared):
    """The loss is below 1.10 nats per token, with 99% confidence."""
    expect.that(
        shared["loss"].upper < TARGET,
        "The loss is not below the target.\n"
        f"Yours: {shared['loss']}; the target: {TARGET:.2f}, with 99% confidence. To get there, the "
        "model must look up what a story has said before.",
    )


@pytest.mark.points(20)
@pytest.mark.needs("test_knowledge_is_in_the_weights")
def test_reaches_the_target_on_other_stories(expect, metric, violation, shared):
    """On stories that no other spec asks about, the loss is below the target as well."""
    shared["restored"].load_state_dict(shared["weights"])
    stories = shared["language"].stories(SCORED_PER_LENGTH * (STORY_LEN - 1), "private")
    _, loss = scored(shared["restored"], stories, expect, violation)
    metric(loss.mean, loss.stderr, private=True)
    expect.that(
        loss.upper < TARGET,
        "On other stories the loss is not below the target.\n"
        f"Yours: {loss}; the target: {TARGET:.2f}, with 99% confidence. A loss that is just below the "
        "target on some stories is above it on others: train further.",
    )
