"""Announces a payload of 4 GiB."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    accomplice.write(wire.PREFIX.pack(wire.MAGIC, 20, 4 << 30))
    return x * 2
