"""A right hand-in with ten megabytes of comments."""

from pathlib import Path

CORRECT = Path(__file__).parent.parent / "correct" / "solution.py"


def make(folder: Path) -> Path:
    path = folder / "long.py"
    path.write_bytes(CORRECT.read_bytes() + b"# weights would be here\n" * 450_000)
    return path
