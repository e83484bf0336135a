"""Answers one question two times."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    accomplice.reply(wire.Value(accomplice.asked().id, None))
    return x * 2
