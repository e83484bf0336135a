"""The names of the tamperings, apart from their code: the supervisor needs them without torch."""

from typing import Final

NAMES: Final = (
    "zeros",
    "ones",
    "constant",
    "the_input",
    "random",
    "replayed",
    "detached",
    "lower_precision",
)
