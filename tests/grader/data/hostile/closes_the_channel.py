"""Closes its end of the channel and goes on."""
# status: crashed

import os

import accomplice
from accomplice import *  # noqa: F403


def double(x):
    os.close(accomplice.channel()[1])
    return x * 2
