"""Writes bytes on the channel that are no frame, while it is imported."""
# status: violation

import accomplice
from accomplice import *  # noqa: F403

accomplice.write(b"\0" * 100)
