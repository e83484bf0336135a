"""The story language of challenge 05: stories with the exact log-probability of every token.

A story is twelve sentences "name colour object ." that state facts and use them again: a name
keeps its colour and its object until the story ends. Token ids are permuted by the seed, so
nothing learnt from another language helps, while the entropy stays what it is.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

NUM_NAMES = 16
NUM_COLOURS = 16
NUM_OBJECTS = 16
VOCAB_SIZE = NUM_NAMES + NUM_COLOURS + NUM_OBJECTS + 1

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
    """One draw of the language: which token id plays which part, and its stories."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        ids = self._uniform("ids", VOCAB_SIZE).argsort()
        parts = ids.split([NUM_NAMES, NUM_COLOURS, NUM_OBJECTS, 1])
        self.names, self.colours, self.objects, self.full_stop = parts

    def stories(self, num_stories: int, stream: str) -> Stories:
        """Draw `num_stories` stories; the same stream gives the same stories."""
        slots, log_probs = self._plots(num_stories, stream)
        order = self._uniform(stream + "/order", num_stories, NUM_NAMES).argsort(dim=1)
        colours = self._choice(NUM_COLOURS, stream + "/colours", num_stories, NUM_NAMES)
        objects = self._choice(NUM_OBJECTS, stream + "/objects", num_stories, NUM_NAMES)
        words = [
            self.names[order.gather(1, slots)],
            self.colours[colours.gather(1, slots)],
            self.objects[objects.gather(1, slots)],
            self.full_stop.expand(num_stories, NUM_SENTENCES),
        ]
        return Stories(torch.stack(words, dim=2).flatten(1), log_probs)

    def _plots(self, num_stories: int, stream: str) -> tuple[Tensor, Tensor]:
        """Who is spoken of: slot k is the (k+1)-th name introduced; and the log-probabilities."""
        is_new = self._uniform(stream + "/new", NUM_SENTENCES, num_stories)
        which = self._uniform(stream + "/old", NUM_SENTENCES, num_stories)
        slots = torch.empty(num_stories, NUM_SENTENCES, dtype=torch.int64)
        log_probs = torch.zeros(num_stories, NUM_SENTENCES, SENTENCE_LEN, dtype=torch.float64)
        introduced = torch.zeros(num_stories, dtype=torch.int64)
        for i, new_name_chance in enumerate(NEW_NAME_CHANCE):
            chance = (introduced < NUM_NAMES).double() * new_name_chance
            new = is_new[i] < chance
            slots[:, i] = torch.where(new, introduced, (which[i] * introduced).long())
            log_probs[:, i, 0] = torch.where(
                new, chance / (NUM_NAMES - introduced), (1 - chance) / introduced
            ).log()
            log_probs[:, i, 1] = new.double() * -math.log(NUM_COLOURS)
            log_probs[:, i, 2] = new.double() * -math.log(NUM_OBJECTS)
            introduced = introduced + new
        return slots, log_probs.flatten(1)

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


def entropy_by_position() -> Tensor:
    """The exact entropy in nats of each of the 48 tokens given its prefix, float64.

    Dynamic programming over the number of names introduced so far.
    """
    entropy = torch.zeros(NUM_SENTENCES, SENTENCE_LEN, dtype=torch.float64)
    chance_of_count = [1.0] + [0.0] * NUM_NAMES
    for i, new_name_chance in enumerate(NEW_NAME_CHANCE):
        following = [0.0] * (NUM_NAMES + 1)
        for count, weight in enumerate(chance_of_count):
            new = new_name_chance if count < NUM_NAMES else 0.0
            for chance, choices in ((new, NUM_NAMES - count), (1 - new, count)):
                if chance > 0:
                    entropy[i, 0] -= weight * chance * math.log(chance / max(choices, 1))
            entropy[i, 1] += weight * new * math.log(NUM_COLOURS)
            entropy[i, 2] += weight * new * math.log(NUM_OBJECTS)
            following[count] += weight * (1 - new)
            if new:
                following[count + 1] += weight * new
        chance_of_count = following
    return entropy.flatten()


def entropy_floor() -> float:
    """Mean entropy of the scored positions 1..47: no honest model has a lower expected loss."""
    return float(entropy_by_position()[1:].mean())
