"""A path where nothing is, beside files with other names."""

from pathlib import Path


def make(folder: Path) -> Path:
    (folder / "notes.py").write_text("x = 1\n")
    (folder / "solutions.py").write_text("x = 1\n")
    return folder / "solution.py"
