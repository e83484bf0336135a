"""What the tests of events use of their neighbours, and a small event."""

import sys
from pathlib import Path

import pytest

from grader.challenge import Challenge, find
from grader.events import making
from grader.events.folder import EventFolder

# Helpers of tests/grader: for processes that outlive a kill, and small disks.
sys.path.insert(0, str(Path(__file__).parent.parent / "grader"))


@pytest.fixture
def event(tmp_path: Path, mini: Challenge) -> EventFolder:
    """The folder of an event with two teams, for challenge 04 and the mini challenge."""
    folder = EventFolder(tmp_path / "event")
    teams: dict[str, list[str]] = {"red": ["Ada"], "Blue Whales": []}
    making.make(folder, making.Wanted("Day", [find("04"), mini], teams, None, None, [mini.folder]))
    return folder
