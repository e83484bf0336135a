"""What the tests of events need of the machine."""

import os
import shutil


def absent(program: str) -> bool:
    """Whether tests that need a program are skipped: nowhere where all is required, as in our own runs."""
    return shutil.which(program) is None and os.environ.get("KIT_REQUIRE_ALL") != "1"
