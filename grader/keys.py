"""Single keys from a terminal, without waiting for Enter; its modes are restored whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

if sys.platform != "win32":
    import termios
    import tty

ENTER: Final = "enter"
ESCAPE: Final = "escape"
END: Final = "end"
"""Ctrl-D, or a terminal that has gone."""
_NAMES: Final = {"\r": ENTER, "\n": ENTER, "\x04": END, "\x1b": ESCAPE}


class Keys:
    """Hands each key to `tell`, from a thread of its own, as long as the context lasts."""

    def __init__(self, descriptor: int, tell: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._modes: list[Any] | None = None
        self._thread = threading.Thread(target=self._listen, name="keys", daemon=True)
        self._wake, self._woken = -1, -1

    def __enter__(self) -> Keys:
        if sys.platform != "win32":
            self._modes = termios.tcgetattr(self._descriptor)
            self._woken, self._wake = os.pipe()
            self.resume()
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if sys.platform != "win32" and self._modes is not None:
            # A terminal that has gone needs nothing restored. Nothing here waits for its output.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)
            os.close(self._wake)
            self._thread.join()
            os.close(self._woken)

    def resume(self) -> None:
        """Have keys arrive singly and unseen, as a shell may have changed that while we were stopped."""
        if sys.platform != "win32":
            # From the background the attempt would stop us again.
            with contextlib.suppress(termios.error):
                if not self._is_anothers():
                    tty.setcbreak(self._descriptor, termios.TCSANOW)

    def _is_anothers(self) -> bool:
        """Whether the terminal belongs to another job of the shell now."""
        try:
            return sys.platform != "win32" and os.tcgetpgrp(self._descriptor) != os.getpgrp()
        except OSError:
            # A terminal that no shell controls.
            return False

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._descriptor, self._woken], [], [])
            if self._woken in ready:
                return
            try:
                data = os.read(self._descriptor, 64)
            except OSError:
                data = b""
            for key in names(data):
                self._tell(key)
            if not data:
                return


def names(data: bytes) -> list[str]:
    """Return the keys in what was read at once: letters, or names of those that have none.

    Arrows and the like come as several characters after an escape, and count as nothing.
    """
    if not data:
        return [END]
    if data.startswith(b"\x1b") and len(data) > 1:
        return []
    return [_NAMES.get(char, char) for char in data.decode("ascii", "ignore")]
