"""`grader handout`: what those who take part get, as one zip. No spec, no solution, right or wrong.

The same input gives the same bytes: names in order, one date for all, nothing compressed.
"""

from __future__ import annotations

import io
import secrets
import string
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from grader.challenge import Challenge
from grader.errors import GraderFault
from grader.starting import brief_of, stub_of

MATERIAL: Final = Path(__file__).parent / "data" / "handout"
TOP: Final = "kit"
EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE: Final = 0o100644 << 16
UNIX: Final = 3


def files(challenges: Sequence[Challenge], more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents of the handout by name; `more` is added to it."""
    challenges = sorted(challenges, key=lambda one: one.key)
    found = {
        "README.md": _readme(challenges),
        "check.py": (MATERIAL / "check.py").read_bytes(),
        **more,
    }
    for one in challenges:
        found[one.file_name] = stub_of(one).read_bytes()
        found[f"{one.key}.md"] = brief_of(one).read_bytes()
        examples = MATERIAL / "examples" / one.file_name
        if examples.is_file():
            found[f"examples/{one.file_name}"] = examples.read_bytes()
    return dict(sorted(found.items()))


def archive(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip of these files in one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, data in sorted(contents.items()):
            info = zipfile.ZipInfo(f"{TOP}/{name}", EARLIEST)
            info.create_system = UNIX
            info.external_attr = PLAIN_FILE
            file.writestr(info, data)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write the file whole or not at all, in the place of an earlier one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise GraderFault(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _readme(challenges: Iterable[Challenge]) -> bytes:
    rows = "\n".join(
        f"| {one.id} | {one.title} | `{one.key}.md` | `{one.file_name}` |" for one in challenges
    )
    template = string.Template((MATERIAL / "README.md").read_text("utf-8"))
    return template.substitute(challenges=rows).encode()
