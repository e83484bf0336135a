"""Sends an answer while the judge has asked nothing."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire

accomplice.when_idle(lambda: accomplice.reply(wire.Value(1, None)))
