"""Writes bytes on the channel that are no frame."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403


def double(x):
    accomplice.write(b'{"tests": [{"outcome": "passed"}]}\n' * 4)
    return x * 2
