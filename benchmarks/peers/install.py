"""Install the graders that ours is timed beside, into an environment of their own.

    python benchmarks/peers/install.py [--to build/peers]

They are no dependencies of the project. torch stays at the version that the project is tested with.
"""

from __future__ import annotations

import argparse
import subprocess
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PLACE: Final = ROOT / "build" / "peers"
# What the checks need, then each peer; one that cannot be installed is left out of the table.
SHARED: Final = ("torch", "numpy", "pytest", "pytest-json-report")
PEERS: Final = (
    ("pytest-xdist==3.8.0",),
    ("gradescope-utils==0.5.0",),
    ("check50==3.5.0",),
    # Otter runs a script as a notebook, and leaves the kernel for that to its user.
    ("otter-grader==7.0.0", "ipykernel==7.4.0"),
)


def install(place: Path) -> list[str]:
    """Make the environment; returns those that could not be installed."""
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *constraints, *SHARED], check=True)
    # Each by itself and unconstrained, so that one that cannot be had does not cost the others.
    return [peer[0] for peer in PEERS if subprocess.run([*pip, *peer], check=False).returncode]


def main() -> None:
    """Install, and say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=PLACE, metavar="FOLDER")
    missing = install(parser.parse_args().to)
    print("Not installed: " + ", ".join(missing) if missing else "All are installed.")


if __name__ == "__main__":
    main()
