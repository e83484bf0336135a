"""Writes a label into the hand-in, by which its processes can be found in the whole machine."""

import shutil
from pathlib import Path


def make(folder: Path) -> Path:
    shutil.copytree(Path(__file__).parent / "hand_in", folder, dirs_exist_ok=True)
    (folder / "label.py").write_text(f"LABEL = {f'sleeper of {folder}'!r}\n")
    return folder
