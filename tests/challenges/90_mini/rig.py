"""Helpers that run beside a hand-in of the mini challenge; no answers here."""

from collections.abc import Callable
from typing import Any


def composed(function: Callable[[Any], Any], x: Any) -> Any:
    """Return function(function(x))."""
    return function(function(x))
