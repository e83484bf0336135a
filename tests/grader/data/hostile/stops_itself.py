"""Has its process stopped, neither dead nor alive."""
# status: timeout

import os
import signal

from accomplice import *  # noqa: F403


def double(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    return x * 2
