"""Reports its own import as failed, with a message of seven million characters."""
# status: ungradable

import os

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire

accomplice.reply(wire.Raised(accomplice.asked().id, ["ImportError"], "no " * 2_300_000, []))
os._exit(0)
