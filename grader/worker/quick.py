"""Keeps torch from importing its compiler, which nothing here uses and which takes seconds.

Some functions of torch are wrapped so that the compiler never traces into them; the wrapper imports the
whole of torch._dynamo at the first call to say so, unless it finds that this was said already
(torch/_compile.py, `_disable_dynamo`). It is said here, by each function standing for itself. Only
speed depends on this: where a later torch does it differently, nothing is marked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any


def skip_compiler_import(*owners: object) -> int:
    """Mark the wrapped functions of these modules or classes; returns how many there were."""
    marked = 0
    for owner in owners:
        for value in list(vars(owner).values()):
            marked += _mark(value)
    return marked


def _mark(function: Callable[..., Any] | None) -> int:
    marked = 0
    while function is not None:
        code = getattr(function, "__code__", None)
        if code is not None and code.co_filename.endswith("_compile.py"):
            # The wrapper looks at what it closes over, which need not be its __wrapped__.
            for cell in getattr(function, "__closure__", None) or ():
                if callable(cell.cell_contents):
                    with contextlib.suppress(AttributeError):
                        cell.cell_contents.__dynamo_disable = cell.cell_contents
                        marked += 1
        function = getattr(function, "__wrapped__", None)
    return marked
