"""A symbolic link to a right hand-in."""

from pathlib import Path

CORRECT = Path(__file__).parent.parent / "correct" / "solution.py"


def make(folder: Path) -> Path:
    (folder / "target.py").write_bytes(CORRECT.read_bytes())
    (folder / "link.py").symlink_to(folder / "target.py")
    return folder / "link.py"
