"""Hidden specs of challenge 04.

Each spec isolates one idea by its choice of weights: with k = 0 all scores are equal and only the
mask matters; at the last position nothing is hidden and only scores and heads matter; with one
token only v and proj matter. So a mistake costs the points of its own idea.
"""

import math

import pytest
import torch

DOUBLE = torch.float64
PARAMETERS = ["proj.bias", "proj.weight", "qkv.weight"]


def normal(rng, *shape):
    """Standard normal float64 numbers."""
    return torch.randn(*shape, generator=rng, dtype=DOUBLE)


def tokens(rng, *shape):
    """An input (B, T, C) that requires grad, so that expect notices results cut from the graph."""
    return normal(rng, *shape).requires_grad_()


def random_weights(rng, embed_dim, gain=1.5):
    """Weights for which scores differ by a few units: neither uniform nor one-hot attention."""
    return {
        "qkv.weight": normal(rng, 3 * embed_dim, embed_dim) * gain / math.sqrt(embed_dim),
        "proj.weight": normal(rng, embed_dim, embed_dim) / math.sqrt(embed_dim),
        "proj.bias": normal(rng, embed_dim),
    }


def uniform_weights(rng, embed_dim):
    """As above with k = 0, so all scores are equal, and q = v, so that their order is free."""
    weights = random_weights(rng, embed_dim)
    w_q, w_k, w_v = weights["qkv.weight"].chunk(3)  # views: written in place
    w_q.copy_(w_v)
    w_k.zero_()
    return weights


def add_to_scores(weights, x, bonus):
    """Add bonus[s] to the score that any query gives to key s (one head), in place.

    Feature 0 of x is a constant that every query asks for, feature 1 is the key's answer.
    """
    x[..., 0], x[..., 1] = 1.0, bonus
    weights["qkv.weight"][:, 1] = 0.0
    w_q, w_k, _ = weights["qkv.weight"].chunk(3)
    w_q[0], w_k[0] = 0.0, 0.0
    w_q[0, 0], w_k[0, 1] = math.sqrt(x.size(-1)), 1.0


def positions(y, x, expect, start):
    """Check y against the shape of x and return y[:, start:]; what comes before may be NaN."""
    expect.tensor(y, shape=tuple(x.shape), dtype=x.dtype, finite=False)
    return y[:, start:]


def build(side, weights, num_heads, dropout=0.0, dtype=DOUBLE):
    """A module in eval mode with these weights; see rig.py."""
    # A bias that should not be there is zeroed: test_only_qkv_and_proj_have_parameters reports it.
    options = {} if dropout is None else {"dropout": dropout}
    return side.rig.build(side.CausalSelfAttention, num_heads, weights, options, dtype)


def forward(side, weights, num_heads, x, dropout=0.0, dtype=DOUBLE):
    """The output of such a module for x, in one request."""
    options = {} if dropout is None else {"dropout": dropout}
    return side.rig.forward(side.CausalSelfAttention, num_heads, weights, options, dtype, x)


def averages(weights, x):
    """What equal scores give: at each position proj of the mean of the values up to it, (B, T, C)."""
    values = x @ weights["qkv.weight"].chunk(3)[2].T
    counts = torch.arange(1, x.size(1) + 1).unsqueeze(-1)
    return values.cumsum(dim=1) / counts @ weights["proj.weight"].T + weights["proj.bias"]


@pytest.mark.points(4)
def test_single_token(both, rng, expect):
    """One token attends to itself alone: its output is proj(v)."""
    weights, x = random_weights(rng, 6), tokens(rng, 1, 1, 6)
    hint = "With T = 1 the only weight is 1. v is the last third of qkv(x), then comes proj."
    expect(*both(forward, weights, 1, x), hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_single_token")
def test_only_qkv_and_proj_have_parameters(submission, rng, expect):
    """The parameters are qkv.weight, proj.weight and proj.bias, and no others."""
    weights, x = random_weights(rng, 12), tokens(rng, 2, 5, 12)
    params = build(submission, weights, 3).vjp(x, cotangent=normal(rng, 2, 5, 12)).params
    hint = "Only qkv and proj have parameters, and qkv is made with bias=False."
    expect(sorted(params), PARAMETERS, hint=hint)
    for name in PARAMETERS:
        expect.tensor(params[name], shape=tuple(weights[name].shape), dtype=DOUBLE, hint=hint)


@pytest.mark.points(4)
def test_weights_sum_to_one(both, rng, expect):
    """If all tokens are the same, every output is proj(v): the weights of a position sum to 1."""
    weights, x = random_weights(rng, 6), normal(rng, 2, 1, 6).repeat(1, 7, 1).requires_grad_()
    # Without position 0, where a mask that also hides the diagonal leaves nothing to sum.
    actual, expected = both(forward, weights, 3, x)
    actual = positions(actual, x, expect, start=1)
    expected = positions(expected, x, expect, start=1)
    hint = "The softmax runs over the keys, the last dim of the scores, once the mask is applied."
    expect(actual, expected, hint=hint)


@pytest.mark.points(8)
def test_equal_scores_average_the_visible_values(both, rng, expect):
    """With equal scores, position t averages the values at 0..t, itself included."""
    weights, x = uniform_weights(rng, 6), tokens(rng, 2, 9, 6)
    hint = "Position t sees t + 1 keys, each with weight 1 / (t + 1). Print your mask for T = 3."
    expect(*both(forward, weights, 1, x), hint=hint)


@pytest.mark.points(4)
def test_query_looks_and_key_is_looked_at(both, rng, expect):
    """The query belongs to the position that looks, the key to the one that is looked at."""
    weights, x = random_weights(rng, 4), tokens(rng, 2, 7, 4)  # heads of width 1 need no scale
    actual, expected = both(forward, weights, 4, x)
    actual = positions(actual, x, expect, start=-1)
    expected = positions(expected, x, expect, start=-1)
    hint = "qkv(x) holds q, then k, then v. Rows of the scores are queries, columns are keys."
    expect(actual, expected, hint=hint)


@pytest.mark.points(6)
def test_scores_are_scaled(both, rng, expect):
    """The last position weighs all values by softmax(q k^T / sqrt(D)), here with one head."""
    weights, x = random_weights(rng, 5), tokens(rng, 2, 7, 5)
    actual, expected = both(forward, weights, 1, x)
    actual = positions(actual, x, expect, start=-1)
    expected = positions(expected, x, expect, start=-1)
    hint = "Nothing is hidden from the last position: check the scale and the dim of the softmax."
    expect(actual, expected, hint=hint)


@pytest.mark.points(7)
def test_heads_are_contiguous_and_separate(both, rng, expect):
    """Head h attends with features h*D .. (h+1)*D - 1 of q, k and v and writes the same ones."""
    weights, x = random_weights(rng, 12), tokens(rng, 2, 7, 12)
    weights["proj.weight"], weights["proj.bias"] = torch.eye(12, dtype=DOUBLE), torch.zeros(12)
    actual, expected = both(forward, weights, 3, x)
    actual = positions(actual, x, expect, start=-1)
    expected = positions(expected, x, expect, start=-1)
    hint = "Split C into (H, D), not (D, H), and move H before T. D, not C, goes into the scale."
    expect(actual, expected, hint=hint)


@pytest.mark.points(10)
def test_matches_reference(both, rng, expect):
    """The output is right for every mixture of batch, length, width and heads."""
    shapes = [(1, 2, 4, 1), (2, 5, 8, 2), (3, 7, 12, 3), (4, 4, 4, 4), (5, 3, 10, 5), (1, 33, 6, 2)]
    for batch, seq_len, embed_dim, num_heads in shapes:
        weights, x = random_weights(rng, embed_dim), tokens(rng, batch, seq_len, embed_dim)
        hint = (
            "Everything meets here: mend what failed above first, then check scale, mask and merge."
        )
        expect(*both(forward, weights, num_heads, x), hint=hint)


@pytest.mark.points(8)
@pytest.mark.needs("test_single_token")
def test_output_depends_on_the_past_and_never_on_the_future(submission, rng, expect):
    """Changing token s changes the outputs at s and after it, and none before it."""
    weights, x = random_weights(rng, 8, gain=0.5), normal(rng, 1, 7, 8).repeat(8, 1, 1)
    s = torch.arange(7)
    x[s, s] += normal(rng, 7, 8) * 2  # sample s differs from the last one in token s
    y = expect.tensor(forward(submission, weights, 2, x), shape=(8, 7, 8), dtype=DOUBLE)
    changed, base = y[:-1], y[-1]
    before = torch.ones(7, 7, dtype=torch.bool).tril(-1).unsqueeze(-1)  # position t < s
    hint = "A later token reached an earlier output. Hide the keys that come after the query."
    expect(changed * before, base * before, hint=hint)
    moved = (changed - base).abs().amax(dim=-1, keepdim=True) > 1e-6
    expect.that(
        bool((moved | before).all()), "An output ignores a token at or before its position."
    )


@pytest.mark.points(4)
@pytest.mark.needs("test_single_token")
def test_samples_do_not_mix(submission, rng, expect):
    """A sample gives the same output alone as inside a batch."""
    for batch, seq_len in [(3, 5), (4, 4)]:
        weights, x = random_weights(rng, 8), tokens(rng, batch, seq_len, 8)
        attn = build(submission, weights, 2)
        together = attn(x)
        expect.tensor(together, shape=(batch, seq_len, 8), dtype=DOUBLE)
        for b in range(batch):
            hint = "x is (B, T, C): attention runs along T, the second dimension."
            expect(attn(x[b : b + 1]), together[b : b + 1], hint=hint)


@pytest.mark.points(5)
@pytest.mark.needs("test_equal_scores_average_the_visible_values")
def test_any_length(submission, rng, expect):
    """One module serves every length, from 1 to 257 and beyond."""
    # In float32: of T * T numbers there are a million, and only which of them are hidden matters.
    weights = uniform_weights(rng, 4)
    attn = build(submission, weights, 1, dtype=torch.float32)
    for seq_len in (16, 1, 64, 2, 257, 1025, 3):
        x = tokens(rng, 1, seq_len, 4)
        hint = "Make the mask from the T of this input; nothing else knows the longest one."
        single = x.detach().float().requires_grad_()
        expect(attn(single), averages(weights, x).float(), hint=hint)


def gradients(side, weights, num_heads, x, cotangent):
    """Output and gradients of such a module."""
    return build(side, weights, num_heads).vjp(x, cotangent=cotangent)


@pytest.mark.points(7)
@pytest.mark.needs("test_matches_reference")
def test_gradients(both, rng, expect):
    """Gradients reach the input and all three parameters."""
    for batch, seq_len, embed_dim, num_heads in [(2, 5, 8, 2), (1, 9, 6, 3)]:
        weights, x = random_weights(rng, embed_dim), tokens(rng, batch, seq_len, embed_dim)
        cotangent = normal(rng, batch, seq_len, embed_dim)
        actual, expected = both(gradients, weights, num_heads, x, cotangent)
        hint = "Keep every step differentiable: no .data, detach or no_grad."
        expect(actual.output, expected.output, hint=hint)
        expect(actual.grads, expected.grads, hint=hint)
        for name in PARAMETERS:
            expect(actual.params.get(name), expected.params[name], hint=f"{name}.grad. {hint}")


@pytest.mark.points(3)
def test_shifted_scores(both, rng, expect):
    """Scores of 1500 do not overflow: only differences between scores count."""
    weights, x = uniform_weights(rng, 4), normal(rng, 2, 7, 4)
    add_to_scores(weights, x, 1500.0)
    x.requires_grad_()
    hint = "exp(1500) is inf: subtract the row's maximum first, as torch.softmax does."
    expect(*both(forward, weights, 1, x), hint=hint)


@pytest.mark.points(3)
def test_large_hidden_scores(both, rng, expect):
    """However large the scores of the future are, the past gets all the weight."""
    weights, x = uniform_weights(rng, 4), normal(rng, 2, 7, 4)
    add_to_scores(weights, x, 2000.0 * torch.arange(-7, 0))  # each key beats all before it
    x.requires_grad_()
    hint = "Apply the mask before the softmax, with -inf or a number far below every score."
    expect(*both(forward, weights, 1, x), hint=hint)


@pytest.mark.points(4)
def test_float32_and_bfloat16(submission, reference, rng, expect):
    """A float32 or bfloat16 module returns its own dtype, as exact as that dtype allows."""
    for dtype in (torch.float32, torch.bfloat16):
        weights = {name: w.to(dtype) for name, w in random_weights(rng, 8, gain=1.0).items()}
        x = normal(rng, 2, 6, 8).to(dtype).requires_grad_()
        actual = forward(submission, weights, 2, x, dtype=dtype)
        expected = forward(reference, weights, 2, x.double()).to(dtype)
        hint = "Whatever you add to the scores or multiply with v needs the dtype of x."
        expect.tensor(actual, shape=tuple(x.shape), dtype=dtype, hint=hint)
        expect(actual, expected)


@pytest.mark.points(4)
@pytest.mark.needs("test_equal_scores_average_the_visible_values")
def test_dropout_is_off_in_eval_mode_and_at_rate_zero(submission, reference, rng, expect):
    """Dropout does nothing in eval mode, nor in train mode with dropout=0.0."""
    weights, x = uniform_weights(rng, 8), tokens(rng, 2, 6, 8)
    expected = forward(reference, weights, 1, x)
    hint = "nn.Dropout follows train() and eval(); functional dropout needs training=self.training."
    expect(forward(submission, weights, 1, x, dropout=0.9), expected, hint=hint)
    attn = build(submission, weights, 1, dropout=0.0)
    attn.train()
    expect(attn(x), expected, hint=hint)


def orthogonal(rng, *shape):
    """Random orthogonal matrices."""
    return torch.linalg.qr(normal(rng, *shape)).Q


def dropout_case(rng, seq_len):
    """Weights and tokens for two heads from whose output the attention weights can be read.

    Per head the values are an orthogonal (T, T) matrix, and so is proj: both can be undone.
    """
    weights = random_weights(rng, 2 * seq_len, gain=0.7)
    weights["proj.weight"] = orthogonal(rng, 2 * seq_len, 2 * seq_len)
    values = torch.block_diag(orthogonal(rng, seq_len, seq_len), orthogonal(rng, seq_len, seq_len))
    weights["qkv.weight"][4 * seq_len :] = values
    x = torch.cat([orthogonal(rng, 3, seq_len, seq_len) for _ in range(2)], dim=-1)
    return weights, x


def attention_weights(y, weights, x):
    """Undo proj and the product with the values: y (B, T, C) -> (B, 2, T, T)."""
    context = (y - weights["proj.bias"]) @ weights["proj.weight"]
    values = x @ weights["qkv.weight"].chunk(3)[2].T
    context, values = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in (context, values))
    return context @ values.mT


def check_dropped(kept, p, expect):
    """Check which weights were kept: (12 maps, T, T) booleans, False above the diagonal."""
    visible = torch.ones(kept.shape[1:], dtype=torch.bool).tril()
    dropped = 1 - kept[:, visible].double().mean().item()
    six_sigma = 6 * math.sqrt(p * (1 - p) / (12 * int(visible.sum())))
    expect.that(abs(dropped - p) < six_sigma, f"Not {p} of the attention weights are dropped.")
    hint = "Each call, sample and head needs a dropout mask of its own."
    expect.that(kept.flatten(1).unique(dim=0).size(0) == 12, hint)
    for line in (kept[:, -1, :], kept[:, :, 0]):  # the row and the column without hidden weights
        mixed = line.any(dim=1) & ~line.all(dim=1)
        expect.that(bool(mixed.any()), "Weights are dropped one by one, not by rows or columns.")


@pytest.mark.points(6)
@pytest.mark.needs("test_matches_reference")
def test_dropout_drops_attention_weights_in_train_mode(submission, reference, rng, expect):
    """In train mode, single attention weights are dropped at the given rate, the rest scaled up."""
    weights, x = dropout_case(rng, seq_len=24)
    undropped = attention_weights(forward(reference, weights, 2, x), weights, x)
    submission.seed(int(torch.randint(2**31, (), generator=rng)))
    for rate, p in [(None, 0.1), (0.4, 0.4)]:  # the default and another one
        attn = build(submission, weights, 2, dropout=rate)
        attn.train()
        calls = [attn(x), attn(x)]
        for y in calls:
            expect.tensor(y, shape=tuple(x.shape), dtype=DOUBLE)
        same = bool((calls[0] == calls[1]).all())
        expect.that(
            not same, "Two calls in train mode give the same: nothing is dropped by chance."
        )
        actual = torch.stack([attention_weights(y, weights, x) for y in calls])
        kept = (actual > undropped / 2).tril()
        hint = "Drop after the softmax and before the product with v, with nn.Dropout(dropout)."
        expect(actual, torch.where(kept, undropped / (1 - p), 0.0), hint=hint)
        check_dropped(kept.flatten(0, 2), p, expect)


@pytest.mark.points(4)
@pytest.mark.needs("test_equal_scores_average_the_visible_values")
def test_calls_leave_no_trace(submission, reference, rng, expect):
    """A call depends on its own input only and leaves the module's state as it was."""
    weights = uniform_weights(rng, 8)
    attn, attn_reference = build(submission, weights, 1), build(reference, weights, 1)
    before = attn.state_dict()
    first, longer = tokens(rng, 2, 4, 8), tokens(rng, 2, 6, 8)
    for x in (first, longer, first):
        hint = "Something of an earlier call is still in the module: a cache, a buffer, a mask."
        expect(attn(x), attn_reference(x), hint=hint)
    expect(attn.state_dict(), before, exact=True, hint="forward changed the state_dict.")


@pytest.mark.points(0)
@pytest.mark.needs("test_equal_scores_average_the_visible_values")
def test_input_stays_as_it_was(both, rng, expect):
    """The same tensor can be passed twice: forward does not write into it."""
    hint = "The second result for the same tensor is another: forward wrote into its input."
    weights, x = uniform_weights(rng, 8), normal(rng, 2, 4, 8)
    expect(*both(lambda side: build(side, weights, 1).twice(x)), hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_equal_scores_average_the_visible_values")
def test_non_contiguous_input(both, rng, expect):
    """A transposed input, with strides out of order, works like any other."""
    weights, x = uniform_weights(rng, 8), normal(rng, 5, 3, 8).transpose(0, 1).requires_grad_()
    hint = "view needs matching strides; reshape, flatten and unflatten do without."
    expect(*both(forward, weights, 1, x), hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_single_token")
def test_bad_num_heads(submission, expect):
    """num_heads that is zero, negative or no divisor of embed_dim is a ValueError."""
    for sizes in [(10, 3), (4, 8), (8, 0), (8, -2)]:
        hint = "Check in __init__, and remember what % does with zero and negative numbers."
        expect.raises(ValueError, lambda s=sizes: submission.CausalSelfAttention(*s), hint=hint)


@pytest.mark.points(0)
@pytest.mark.needs("test_single_token")
def test_runs_on_any_device(submission, reference, rng, expect):
    """Everything that forward creates is on the device of x (tried on the meta device)."""
    weights = random_weights(rng, 8)
    attn, attn_reference = build(submission, weights, 2), build(reference, weights, 2)
    hint = "Pass device=x.device when you create a tensor in forward."
    x, longer = normal(rng, 2, 7, 8), normal(rng, 2, 2049, 8)
    attn(x)  # a mask kept from here would stay behind when the module moves
    expect(attn.meta(x), attn_reference.meta(x), hint=hint)
    expect(build(submission, weights, 2).meta(longer), attn_reference.meta(longer), hint=hint)
