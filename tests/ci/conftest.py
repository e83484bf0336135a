"""Real git repositories for the tests of `grader ci`."""

from pathlib import Path

import pytest
from git_repository import Git


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A bare repository without a commit."""
    return Git(tmp_path / "repository.git", "--bare")
