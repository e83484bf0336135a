"""The names of the tamperings, apart from their code: the supervisor needs them without torch."""

from typing import Final

DETACHED: Final = "detached"
NAMES: Final = (
    "zeros",
    "ones",
    "constant",
    "the_input",
    "random",
    "replayed",
    DETACHED,
    "lower_precision",
)
