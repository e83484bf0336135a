"""Challenge 05's language, n-gram and scoring: what the score of a language model rests on."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

SPECS = Path(__file__).resolve().parents[2] / "challenges" / "05_tiny_gpt" / "specs"


def load(name: str) -> ModuleType:
    """Import a hidden module by its path."""
    spec = importlib.util.spec_from_file_location(name, SPECS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses and the modules' imports of each other look modules up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


L = load("language")
N = load("ngram")
S = load("scoring")


def sentences_and_chances(language: ModuleType, story: list[int]) -> dict[tuple[int, ...], float]:
    """The grammar a second time: every sentence that can follow whole ones, with its probability."""
    naming = language.order.index(L.NAME)
    places = [language.words[part].tolist() for part in language.order]
    told = list(dict.fromkeys(tuple(story[n : n + 3]) for n in range(0, len(story), 4)))
    used = {words[naming] for words in told}
    new = L.NEW_NAME_CHANCE[len(story) // 4] if len(told) < L.NUM_NAMES else 0.0
    chances = {words: (1 - new) / len(told) for words in told}
    fresh = new / (L.NUM_NAMES - len(told)) / L.NUM_COLOURS / L.NUM_OBJECTS
    for words in itertools.product(*places):
        if words[naming] not in used:
            chances[words] = fresh
    stops = dict(zip(places[-1], language.stop_after.tolist(), strict=True))
    return {(*words, stops[words[-1]]): chance for words, chance in chances.items()}


def next_token_probs(language: ModuleType, prefix: list[int]) -> list[float]:
    """The probability of each token after a prefix, by adding up the sentences that begin like it."""
    begun = prefix[len(prefix) // 4 * 4 :]
    probs = [0.0] * L.VOCAB_SIZE
    for sentence, chance in sentences_and_chances(language, prefix[: -len(begun) or None]).items():
        if list(sentence[: len(begun)]) == begun:
            probs[sentence[len(begun)]] += chance
    total = sum(probs)
    return [prob / total for prob in probs]


def of_order(order: tuple[int, ...]) -> ModuleType:
    """The first language with this order of its parts."""
    return next(one for one in map(L.Language, itertools.count()) if one.order == order)


def test_log_probs_agree_with_the_grammar_and_sum_to_one() -> None:
    """At every prefix the probabilities sum to 1, and the drawn token has the one that is stated."""
    for order in L.ORDERS:
        language = of_order(order)
        stories = language.stories(1, "test")
        rows = zip(stories.tokens.tolist(), stories.log_probs.tolist(), strict=True)
        for (tokens, log_probs), t in itertools.product(rows, range(L.STORY_LEN)):
            probs = next_token_probs(language, tokens[:t])

            assert sum(probs) == pytest.approx(1.0, abs=1e-9)
            assert math.log(probs[tokens[t]]) == pytest.approx(log_probs[t], abs=1e-9)


def test_frequencies_agree_with_the_stated_probabilities() -> None:
    """Of the tokens given probability p, a share p is drawn: names, colours and objects alike."""
    language = L.Language(4)
    tokens = language.stories(20_000, "test").tokens
    for place, part in enumerate(language.order):
        ids = language.words[part]
        shares = torch.stack([(tokens[:, place] == i).double().mean() for i in ids])

        assert torch.allclose(shares, torch.full_like(shares, 1 / len(ids)), atol=0.012)


def test_sampled_mean_agrees_with_the_entropy_floor() -> None:
    """The mean of -log q over many stories is the entropy, sentence by sentence, in every order."""
    for order in L.ORDERS:
        nll = -of_order(order).stories(20_000, "test").log_probs
        by_sentence = nll.unflatten(1, (-1, 4)).sum(dim=2)  # (N, 12)
        stderr = by_sentence.std(dim=0) / math.sqrt(len(nll))
        entropies = torch.tensor(L.entropy_by_sentence(), dtype=torch.float64)

        assert ((by_sentence.mean(dim=0) - entropies).abs() <= 5 * stderr + 1e-12).all()
        assert float(nll[:, 1:].mean()) == pytest.approx(L.entropy_floor(), abs=0.01)
    assert L.entropy_floor() == pytest.approx(0.9346, abs=1e-4)


def test_what_a_seed_decides() -> None:
    """Ids, order and full stops differ between languages; every token has one part."""
    languages = [L.Language(seed) for seed in range(60)]

    for language in languages:
        ids = torch.cat([language.words.flatten(), language.stops])
        assert torch.equal(ids.sort().values, torch.arange(L.VOCAB_SIZE))
        assert language.stop_after.unique(return_counts=True)[1].tolist() == [4] * L.NUM_STOPS
    assert {language.order for language in languages} == set(L.ORDERS)
    assert len({tuple(language.words.flatten().tolist()) for language in languages}) == 60
    assert len({tuple(language.stop_after.tolist()) for language in languages}) == 60


def test_a_story_keeps_its_facts_and_its_full_stops() -> None:
    """Sentences of one name are equal, and the word of the third part decides the full stop."""
    language = L.Language(6)
    naming = language.order.index(L.NAME)
    for story in language.stories(200, "test").tokens.unflatten(1, (-1, 4)).tolist():
        told: dict[int, list[int]] = {}
        for sentence in story:
            assert told.setdefault(sentence[naming], sentence) == sentence
            last = language.words[language.order[-1]].tolist().index(sentence[2])
            assert sentence[3] == language.stop_after[last]


def test_same_seed_and_stream_give_the_same_stories() -> None:
    """Stories are a function of seed, stream and number; streams and seeds are independent."""
    first = L.Language(7).stories(50, "corpus")
    again = L.Language(7).stories(50, "corpus")

    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.log_probs, again.log_probs)
    assert not torch.equal(first.tokens, L.Language(7).stories(50, "validation").tokens)
    assert not torch.equal(first.tokens, L.Language(8).stories(50, "corpus").tokens)


def brute_force_witten_bell(
    corpus: list[list[int]], strengths: tuple[float, ...], context: list[int], token: int
) -> float:
    """The recursion of the module's docstring, by counting."""
    prob = 1 / L.VOCAB_SIZE
    pad = L.VOCAB_SIZE
    for order, strength in enumerate(strengths, 1):
        history = ([pad] * order + context)[len(context) + 1 :]
        followers = [
            story[t]
            for story in corpus
            for t in range(len(story))
            if ([pad] * order + story[:t])[t + 1 :] == history
        ]
        if followers:
            reserved = strength * len(set(followers))
            prob = (followers.count(token) + reserved * prob) / (len(followers) + reserved)
    return prob


def test_ngram_is_witten_bell_and_sums_to_one() -> None:
    """The vectorised model agrees with counting by hand, and its probabilities sum to 1."""
    language = L.Language(9)
    corpus, tokens = (language.stories(n, s).tokens for n, s in ((6, "corpus"), (3, "test")))
    strengths = (1.0, 0.5, 4.0)
    model = N.fit(corpus, L.VOCAB_SIZE, strengths)
    log_probs = model.log_probs(tokens)
    for row, t in ((0, 0), (1, 1), (2, 2), (0, 9), (1, 30), (2, 47)):
        context = tokens[row, :t].tolist()
        probs = [
            brute_force_witten_bell(corpus.tolist(), strengths, context, token)
            for token in range(L.VOCAB_SIZE)
        ]

        assert sum(probs) == pytest.approx(1.0)
        assert math.log(probs[int(tokens[row, t])]) == pytest.approx(float(log_probs[row, t]))


def test_best_ngram_is_far_from_the_floor_and_from_the_unigram() -> None:
    """On the graded corpus' size the best order lies between the two, with room on both sides."""
    language = L.Language(10)
    corpus, test = language.stories(20_000, "corpus").tokens, language.stories(2000, "test").tokens
    best = N.best_ngram(corpus, L.VOCAB_SIZE)
    loss = -float(best.log_probs(test)[:, 1:].mean())

    assert 1 < len(best.strengths) <= N.MAX_ORDER
    assert 1.65 < loss < 1.95
    assert -float(N.unigram(corpus, L.VOCAB_SIZE).log_probs(test)[:, 1:].mean()) > 3.4


def test_prefixes_never_hold_the_answer() -> None:
    """Each story is sent once, cut before the scored token, and every length equally often."""
    stories = L.Language(11).stories(94, "test")
    sent: list[Tensor] = []

    def uniform(prefixes: Tensor) -> Tensor:
        sent.append(prefixes)
        return torch.zeros(len(prefixes), L.VOCAB_SIZE)

    nll = S.model_nll(uniform, stories)

    assert [tuple(prefixes.shape) for prefixes in sent] == [(2, t) for t in range(1, 48)]
    rows = [row for prefixes in sent for row in prefixes.tolist()]
    starts = [story[: 1 + i % 47] for i, story in enumerate(stories.tokens.tolist())]
    assert sorted(rows) == sorted(starts)
    assert torch.allclose(nll, torch.full_like(nll, math.log(L.VOCAB_SIZE)))


def true_logits(language: ModuleType, sharpness: float = 1.0):  # type: ignore[no-untyped-def]
    """A model that knows the grammar; `sharpness` above 1 makes it too sure of itself."""

    def ask(prefixes: Tensor) -> Tensor:
        probs = [next_token_probs(language, prefix) for prefix in prefixes.tolist()]
        return (torch.tensor(probs, dtype=torch.float64) + 1e-30).log() * sharpness

    return ask


def test_a_perfect_model_scores_the_floor_and_is_no_violation() -> None:
    """The control variate takes all noise away where model and language agree."""
    language = L.Language(12)
    stories = language.stories(470, "test")
    nll = S.model_nll(true_logits(language), stories)
    loss = S.stratified(nll + S.at_scored_position(stories.log_probs))

    assert abs(loss.mean) < 1e-9
    assert loss.stderr < 1e-9
    assert S.log_evidence(nll, stories) < 1e-6


def test_evidence_tells_a_cheat_from_an_overconfident_model() -> None:
    """Too sure is only worse; knowing a hundredth of the answers is a violation."""
    language = L.Language(13)
    stories = language.stories(4700, "test")
    sure = S.model_nll(true_logits(language, sharpness=2.0), stories)
    truth = -S.at_scored_position(stories.log_probs)
    leaked = truth.clone()
    leaked[::40] = 0.0

    assert S.log_evidence(sure, stories) < S.IMPOSSIBLE
    assert S.log_evidence(leaked, stories) > S.IMPOSSIBLE


def test_standard_error_is_that_of_the_stratified_mean() -> None:
    """Over many repetitions, the spread of the mean is what the standard error says."""
    generator = torch.Generator().manual_seed(14)
    spread = S.prefix_lengths(470).double()
    estimates = [
        S.stratified(torch.randn(470, generator=generator, dtype=torch.float64) * spread)
        for _ in range(400)
    ]
    means = torch.tensor([estimate.mean for estimate in estimates])
    stderr = sum(estimate.stderr for estimate in estimates) / len(estimates)

    assert float(means.std()) == pytest.approx(stderr, rel=0.15)
    assert abs(float(means.mean())) < 5 * stderr / math.sqrt(len(estimates))
