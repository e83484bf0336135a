"""Ends its process, as if all were well, in the first call."""
# status: crashed

import os

from accomplice import *  # noqa: F403


def double(x):
    os._exit(0)
