"""Says that its tensor lies on a device of which nobody has heard."""
# status: violation

from accomplice import *  # noqa: F403
from kit_worker import codec, wire

honest = codec.Encoder._tensor


def elsewhere(self, value):
    node = honest(self, value)
    return wire.TensorNode(*[getattr(node, name) for name in node.__struct_fields__[:6]], "toaster")


codec.Encoder._tensor = elsewhere
