"""When a version was seen first, kept on disk until it is taken: a run may be killed in between."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

# Of a flood only the first; what is not kept has the time of the last look.
MOST: Final = 5000


class FirstSeen:
    """The file with the versions that were seen and not taken. One process at a time writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._kept = _decoder.decode(path.read_bytes())
        except (OSError, ValueError, msgspec.MsgspecError):
            self._kept = {}

    def when(self, version: str) -> datetime | None:
        """Return when it was seen, None if it was not."""
        return self._kept.get(version)

    def keep(self, waiting: Mapping[str, datetime]) -> None:
        """Keep these, and forget the others."""
        kept = dict(islice(waiting.items(), MOST))
        if kept == self._kept:
            return
        temporary = self._path.with_name(f"{self._path.name}.tmp")
        # On a full disk it is not kept; the run goes on.
        try:
            temporary.write_bytes(msgspec.json.encode(kept))
            temporary.replace(self._path)
            self._kept = kept
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


_decoder = msgspec.json.Decoder(dict[str, datetime])
