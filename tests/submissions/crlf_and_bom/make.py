"""A right hand-in as some Windows editors save it: a byte order mark, lines that end in CRLF."""

import codecs
from pathlib import Path

CORRECT = Path(__file__).parent.parent / "correct" / "solution.py"


def make(folder: Path) -> Path:
    path = folder / "windows.py"
    path.write_bytes(codecs.BOM_UTF8 + CORRECT.read_bytes().replace(b"\n", b"\r\n"))
    return path
