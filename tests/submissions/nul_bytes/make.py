"""A right hand-in with a NUL byte in its last line."""

from pathlib import Path

CORRECT = Path(__file__).parent.parent / "correct" / "solution.py"


def make(folder: Path) -> Path:
    path = folder / "zero.py"
    path.write_bytes(CORRECT.read_bytes() + b"x = '\0'\n")
    return path
