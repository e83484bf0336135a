"""Returns a handle that leads through an object to something else."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    handle = wire.HandleNode(1, ["__globals__", "expected"], "Tensor")
    accomplice.reply(wire.Value(accomplice.asked().id, handle))
    return x * 2
