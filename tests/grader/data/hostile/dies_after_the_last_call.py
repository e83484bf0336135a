"""Ends its process with an error once it has answered everything, and rightly."""
# status: graded
# score: 100

import os

import accomplice
from accomplice import *  # noqa: F403

accomplice.Affine.at_last = staticmethod(lambda: accomplice.when_idle(lambda: os._exit(7)))
