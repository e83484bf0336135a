"""Answers without end."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    number = accomplice.asked().id
    while True:
        accomplice.reply(wire.Value(number, None))
