"""When a hand-in arrived: by this machine's clock, whatever the hand-in says of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

STEP: Final = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Clock:
    """Gives times of arrival that never repeat, and never go back but for what came in a pause.

    What is there when a run begins came while none looked. When it came, the system knows: it notes the
    time of each file's last change (`st_ctime`), which no user can set. That time is taken, but none before
    the last look of an earlier run, which would have seen it; and what it did see and not take has the
    time that it was seen at (`seen`).
    """

    def __init__(
        self,
        last_look: datetime | None,
        seen: Callable[[str], datetime | None] = lambda version: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._now = now
        self._seen = seen
        self._floor = last_look
        self._last: datetime | None = None
        self._given: set[datetime] = set()

    def now(self) -> datetime:
        """Return a time of arrival for what is seen for the first time; later than all before it."""
        moment = self._now()
        if self._last is not None:
            moment = max(moment, self._last + STEP)
        self._last = moment
        return self._once(moment)

    def came_in_a_pause(self, version: str, status: os.stat_result | None) -> datetime:
        """Return the time of arrival of a version of a file that the first look of a run has found."""
        known = self._seen(version)
        if known is not None:
            return self._once(known)
        # Elsewhere it is the time of creation, which a copy may bring along.
        if status is None or sys.platform == "win32":
            return self.now()
        changed = datetime.fromtimestamp(status.st_ctime, UTC)
        if self._floor is not None:
            changed = max(changed, self._floor)
        return self._once(min(changed, self._now()))

    def _once(self, moment: datetime) -> datetime:
        while moment in self._given:
            moment += STEP
        self._given.add(moment)
        return moment
