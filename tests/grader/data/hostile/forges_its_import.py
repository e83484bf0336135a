"""Reports its own import as done before it is."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire

accomplice.reply(wire.Loaded(accomplice.asked().id, ["double", "row_means", "Affine"], [], []))
