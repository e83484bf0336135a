"""The site of the docs: what is generated is current, it builds, and the tutorial works as written."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_the_reference_is_current() -> None:
    """docs/reference.md is what `python docs/make_reference.py` writes."""
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)

    assert (DOCS / "reference.md").read_text("utf-8") == made.document()


def test_the_site_builds_and_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    """Every page is in the menu, every link leads somewhere, and no page loads from elsewhere."""
    if importlib.util.find_spec("material") is None:
        if os.environ.get("KIT_REQUIRE_ALL") == "1":
            pytest.fail("mkdocs-material is not installed: pip install -e '.[docs]'")
        pytest.skip("mkdocs-material is not installed")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "not included in the" not in done.stderr + done.stdout
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text("utf-8"))
        assert [tag for tag in loaded if re.search(r"(?:src|href)=\"?(?:https?:)?//", tag)] == []


def steps(page: Path) -> Iterator[tuple[str, str]]:
    """The code blocks of a page: language and content."""
    yield from re.findall(
        r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def put(file: Path, function: str) -> None:
    """Replace a function of the file by another one of its name."""
    (name,) = re.findall(r"^def (\w+)", function, re.MULTILINE)
    text, count = re.subn(
        rf"^def {name}\(.*?(?=\n\n\n|\Z)",
        lambda _: function.strip(),
        file.read_text("utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    assert count == 1
    file.write_text(text, "utf-8")


@pytest.mark.walls
def test_the_first_hour_works_as_written(tmp_path: Path) -> None:
    """Commands are run, functions are put into the stub, and what the page shows is what one sees."""
    here = tmp_path / "here"
    here.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "GRADER_STORE": str(tmp_path / "scores"), "COLUMNS": "110"}
    said = ""
    kinds = []
    for kind, content in steps(DOCS / "first-hour.md"):
        kinds.append(kind)
        if kind == "sh":
            done = subprocess.run(
                ["bash", "-c", content],
                cwd=here,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode in (0, 1), done.stderr
            said = squeezed(done.stdout)
        elif kind == "python":
            put(here / "01_view_gather.py", content)
        else:
            for line in content.splitlines():
                assert squeezed(line) in said, line

    assert {"sh", "python", "text"} == set(kinds)
