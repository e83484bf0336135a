"""What the static site needs beside the pages: files of the repository are named there, not linked."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace links that leave docs/ by their words: the site holds no other files."""
    return OUTSIDE.sub(r"\1", markdown)
