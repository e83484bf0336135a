"""What a walled worker may see: wherever the kit is installed, it is not in what is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.walls import view

Hidden = Callable[..., set[str]]


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hidden]:
    """What is hidden of `shown`, for a kit in `kit` under a Python in `python`, as paths in one folder."""

    def ask(kit: str, python: str, shown: str) -> set[str]:
        (tmp_path / kit / "grader" / "walls").mkdir(parents=True)
        (tmp_path / kit / "leaderboard").mkdir()
        monkeypatch.setattr(view, "__file__", str(tmp_path / kit / "grader" / "walls" / "view.py"))
        monkeypatch.setattr(sys, "base_prefix", str(tmp_path / python))
        found = view.hidden_folders((tmp_path / shown,))
        return {str(Path(path).relative_to(tmp_path)) for path in found}

    view.hidden_folders.cache_clear()
    yield ask
    view.hidden_folders.cache_clear()


def test_an_installed_kit_is_hidden_with_all_packages(tmp_path: Path, hidden: Hidden) -> None:
    """Installed packages are hidden as a whole, those of other versions of Python too."""
    (tmp_path / "py/lib/python3.9/dist-packages").mkdir(parents=True)
    site = "py/lib/python3.11/site-packages"

    assert hidden(site, "py", "py/lib") == {site, "py/lib/python3.9/dist-packages"}


def test_an_unpacked_kit_is_hidden(hidden: Hidden) -> None:
    """Of a kit in a folder of its own without the files of a clone, the packages are hidden."""
    assert hidden("py/lib/own", "py", "py/lib") == {"py/lib/own/grader", "py/lib/own/leaderboard"}


def test_a_clone_is_hidden_as_a_whole(tmp_path: Path, hidden: Hidden) -> None:
    """A clone below a folder that is shown is hidden with all that lies in it."""
    (tmp_path / "lib/clone").mkdir(parents=True)
    (tmp_path / "lib/clone/pyproject.toml").touch()

    assert hidden("lib/clone", "py", "lib") == {"lib/clone"}


def test_a_python_inside_a_clone_keeps_its_packages_hidden(tmp_path: Path, hidden: Hidden) -> None:
    """Where a Python in the clone is shown, its packages are hidden; the clone around it is not shown."""
    site = "clone/.conda/lib/python3.11/site-packages"
    (tmp_path / site).mkdir(parents=True)
    (tmp_path / "clone/pyproject.toml").touch()

    assert hidden("clone", "clone/.conda", "clone/.conda/lib") == {site}


def test_packages_are_those_that_torch_requires() -> None:
    """Shown are torch and what it imports, and nothing of the tests' or the grader's own."""
    names = {path.name for path in view.package_entries()}

    assert names >= {"torch", "numpy", "msgspec", "safetensors", "sympy", "typing_extensions.py"}
    assert (
        names & {"grader", "leaderboard", "pytest", "psutil", "click", "bin", "__pycache__"}
        == set()
    )
