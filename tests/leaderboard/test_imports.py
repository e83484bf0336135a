"""What leaderboard may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import leaderboard

FOLDER = Path(leaderboard.__file__).parent
ALLOWED = {"leaderboard", "msgspec", "tabulate"}
# Lowest first: a module imports only from those before it.
ORDER = [
    "errors",
    "text",
    "locks",
    "ahead",
    "score",
    "schema",
    "signing",
    "store",
    "times",
    "event",
    "attempts",
]
ORDER += ["ranking", "overall", "reveal", "progress", "formats", "table", "listings", "checking"]
ORDER += ["export", "cases", "junit", "ctrf", "gradescope", "prairielearn", "markdown"]


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_only_the_standard_library_msgspec_and_tabulate(path: Path) -> None:
    """The leaderboard knows neither grader nor torch nor pytest."""
    roots = {name.partition(".")[0] for name in imported(path)}

    assert roots <= ALLOWED | sys.stdlib_module_names


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_down(module: str) -> None:
    """No cycles, no upward imports."""
    names = imported(FOLDER / f"{module}.py")
    below = {f"leaderboard.{name}" for name in ORDER[: ORDER.index(module)]}

    assert {name for name in names if name.startswith("leaderboard")} <= below


def test_importing_it_all_stays_light() -> None:
    """No torch and no pytest arrive by a detour."""
    code = (
        "import sys, leaderboard.store, leaderboard.table;"
        "print(*sys.modules.keys() & {'torch', 'pytest', 'numpy', 'grader', 'click'})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=FOLDER.parent, check=True
    )

    assert result.stdout.strip() == ""
