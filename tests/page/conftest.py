"""A day of attempts to make pages of."""

import pytest
from page_scores import hack_day

from leaderboard.score import Score


@pytest.fixture(scope="session")
def day() -> list[Score]:
    """A hack day of twelve teams, three challenges and 150 attempts."""
    return list(hack_day())
