"""Answers a plain call as if it had been interrupted at a deadline."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


class Affine(accomplice.Affine):
    def __init__(self, weight, bias):
        super().__init__(weight, bias)
        accomplice.reply(wire.Stopped(accomplice.asked().id))
