"""A right hand-in with a comment in Latin-1."""

from pathlib import Path

CORRECT = Path(__file__).parent.parent / "correct" / "solution.py"


def make(folder: Path) -> Path:
    path = folder / "latin.py"
    path.write_bytes(CORRECT.read_bytes() + "# größer\n".encode("latin-1"))
    return path
