"""Answers a question that was not asked yet."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    accomplice.reply(wire.Value(accomplice.asked().id + 1, None))
    return x * 2
