"""Loads ahead of whoever needs it: a disk that is asked for one small file after the other mostly waits."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

THREADS = 2
# For each file alone, handing it from one thread to another would cost more than reading it.
CHUNK = 64
FEW = 1000

S = TypeVar("S")
T = TypeVar("T")


def ahead(items: Sequence[S], load: Callable[[S], T]) -> Iterator[tuple[S, T]]:
    """Each item with what `load` makes of it, in order.

    Of many items, some hundred are loaded in advance, in threads. `load` must not raise.
    """
    if len(items) <= FEW:
        for item in items:
            yield item, load(item)
        return
    # Light commands and small stores do without it.
    from concurrent.futures import Future, ThreadPoolExecutor

    def loaded(chunk: Sequence[S]) -> list[tuple[S, T]]:
        return [(item, load(item)) for item in chunk]

    waiting: deque[Future[list[tuple[S, T]]]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(items), CHUNK):
            waiting.append(pool.submit(loaded, items[start : start + CHUNK]))
            if len(waiting) > 2 * THREADS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
