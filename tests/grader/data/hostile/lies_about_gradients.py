"""Answers a request for gradients with something that only looks like gradients."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403
from kit_worker import wire


def double(x):
    request = accomplice.asked()
    if request.mode == "vjp":
        lie = [
            ("output", None),
            ("grads", wire.SequenceNode("tuple", ["all of them are right"])),
            ("params", wire.MappingNode([])),
            ("second", None),
        ]
        accomplice.reply(wire.Value(request.id, wire.RecordNode("Vjp", lie)))
    return x * 2
