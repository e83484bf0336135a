"""The story language of challenge 05: stories with the exact log-probability of every token.

A story is twelve sentences that state facts and use them again: a name keeps its colour and its
object until the story ends. The seed decides which token plays which part, in which order the three
parts stand in a sentence, and which full stop follows which word. So nothing that was learnt or
written for another language helps, while the entropy stays what it is.
"""

import hashlib
import math
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

NAME, COLOUR, OBJECT = range(3)
NUM_NAMES = NUM_COLOURS = NUM_OBJECTS = NUM_WORDS = 16
NUM_STOPS = 4
VOCAB_SIZE = 3 * NUM_WORDS + NUM_STOPS
ORDERS = tuple(permutations((NAME, COLOUR, OBJECT)))

NUM_SENTENCES = 12
SENTENCE_LEN = 4
STORY_LEN = NUM_SENTENCES * SENTENCE_LEN

# The chance that a sentence brings a new name falls from 1 to 0.1 along the story.
NEW_NAME_CHANCE = [max(0.1, 0.75**i) for i in range(NUM_SENTENCES)]


@dataclass(frozen=True)
class Stories:
    """`tokens` (N, 48) int64 and `log_probs` (N, 48) float64 of each token given its prefix."""

    tokens: Tensor
    log_probs: Tensor


class Language:
    """One draw of the language, and its stories.

    `words` (3, 16): the token ids of names, colours and objects. `order`: which part stands first,
    second and third in every sentence. `stop_after` (16,): the full stop that follows each word of
    the third part, by its place in `words`.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        ids = self._uniform("ids", VOCAB_SIZE).argsort()
        self.words = ids[: 3 * NUM_WORDS].view(3, NUM_WORDS)
        self.stops = ids[3 * NUM_WORDS :]
        self.order = ORDERS[int(self._choice(len(ORDERS), "order", 1))]
        # Each full stop follows four words: none is rare.
        self.stop_after = self.stops[self._uniform("stops", NUM_WORDS).argsort() % NUM_STOPS]

    def stories(self, num_stories: int, stream: str) -> Stories:
        """Draw `num_stories` stories; the same stream gives the same stories."""
        slots = self._plots(num_stories, stream)
        facts = torch.stack(
            [
                self._uniform(stream + "/names", num_stories, NUM_NAMES).argsort(dim=1),
                self._choice(NUM_COLOURS, stream + "/colours", num_stories, NUM_NAMES),
                self._choice(NUM_OBJECTS, stream + "/objects", num_stories, NUM_NAMES),
            ]
        )  # (3, N, 16): the words of the slots; a slot is a name in the order of introduction
        said = facts.gather(2, slots.expand(3, -1, -1))  # (3, N, 12)
        parts = [self.words[part][said[part]] for part in self.order]
        tokens = torch.stack([*parts, self.stop_after[said[self.order[-1]]]], dim=2)
        return Stories(tokens.flatten(1), self._log_probs(slots, facts, said).flatten(1))

    def _plots(self, num_stories: int, stream: str) -> Tensor:
        """Of whom each sentence speaks, (N, 12): slot k is the (k+1)-th name introduced."""
        is_new = self._uniform(stream + "/new", NUM_SENTENCES, num_stories)
        which = self._uniform(stream + "/old", NUM_SENTENCES, num_stories)
        slots = torch.empty(num_stories, NUM_SENTENCES, dtype=torch.int64)
        introduced = torch.zeros(num_stories, dtype=torch.int64)
        for i, chance in enumerate(NEW_NAME_CHANCE):
            new = (is_new[i] < chance) & (introduced < NUM_NAMES)
            slots[:, i] = torch.where(new, introduced, (which[i] * introduced).long())
            introduced = introduced + new
        return slots

    def _log_probs(self, slots: Tensor, facts: Tensor, said: Tensor) -> Tensor:
        """Log-probability (N, 12, 4) of every token given those before it.

        A sentence speaks of one of the names introduced so far, or of a new one. The chance of each
        of these, jointly with the words of the sentence so far, is carried along from word to word;
        what a word takes away from their sum is its probability. The full stop is certain.
        """
        num_stories = len(slots)
        log_probs = torch.zeros(num_stories, NUM_SENTENCES, SENTENCE_LEN, dtype=torch.float64)
        introduced = torch.zeros(num_stories, 1, dtype=torch.int64)
        for i, new_name_chance in enumerate(NEW_NAME_CHANCE):
            known = torch.arange(NUM_NAMES) < introduced  # (N, 16)
            new = (introduced < NUM_NAMES).double() * new_name_chance  # (N, 1)
            chances = torch.cat([known * (1 - new) / introduced.clamp(min=1), new], dim=1)
            for place, part in enumerate(self.order):
                same = facts[part] == said[part, :, i : i + 1]  # (N, 16)
                fresh = torch.full_like(new, 1 / NUM_WORDS)
                if part == NAME:
                    unused = ~(same & known).any(dim=1, keepdim=True)
                    fresh = unused / (NUM_NAMES - introduced).clamp(min=1).double()
                told = chances * torch.cat([same, fresh], dim=1)
                log_probs[:, i, place] = (told.sum(dim=1) / chances.sum(dim=1)).log()
                chances = told
            introduced = torch.maximum(introduced, slots[:, i : i + 1] + 1)
        return log_probs

    def _choice(self, num_choices: int, stream: str, *shape: int) -> Tensor:
        return (self._uniform(stream, *shape) * num_choices).long()

    def _uniform(self, stream: str, *shape: int) -> Tensor:
        """Uniform float64 in [0, 1) from SHAKE-256.

        A cryptographic stream, because torch's generator has 32 bits of seed and linear state:
        both could be worked out from the corpus that the hand-in is given.
        """
        key = f"{self.seed}/{stream}".encode()
        num_bytes = 8 * math.prod(shape)
        bits = torch.frombuffer(
            bytearray(hashlib.shake_256(key).digest(num_bytes)), dtype=torch.int64
        )
        return ((bits >> 11) & (2**53 - 1)).double().mul(2.0**-53).view(shape)


def entropy_by_sentence() -> list[float]:
    """The exact entropy in nats of each of the twelve sentences given those before it.

    A sentence tells whether its name is new, so the order of its parts does not matter. Dynamic
    programming over the number of names introduced so far.
    """
    entropies = []
    chance_of_count = [1.0] + [0.0] * NUM_NAMES
    for new_name_chance in NEW_NAME_CHANCE:
        entropy, following = 0.0, [0.0] * (NUM_NAMES + 1)
        for count, weight in enumerate(chance_of_count):
            new = new_name_chance if count < NUM_NAMES else 0.0
            for chance, choices in ((new, NUM_NAMES - count), (1 - new, count)):
                if chance > 0:
                    entropy -= weight * chance * math.log(chance / max(choices, 1))
            entropy += weight * new * math.log(NUM_COLOURS * NUM_OBJECTS)
            following[count] += weight * (1 - new)
            if new:
                following[count + 1] += weight * new
        chance_of_count = following
        entropies.append(entropy)
    return entropies


def entropy_floor() -> float:
    """Mean entropy of the scored positions 1..47: no honest model has a lower expected loss.

    The first word of a story, which is not scored, is one of sixteen in every order.
    """
    return (sum(entropy_by_sentence()) - math.log(NUM_WORDS)) / (STORY_LEN - 1)
