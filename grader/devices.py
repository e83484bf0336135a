"""Which device to grade on, found out without importing torch."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from grader.errors import UsageError

_FORM = re.compile(r"auto|cpu|cuda(:\d+)?")


def resolve(wanted: str) -> str:
    """Return "cpu" or "cuda:n" for "auto", "cpu", "cuda" or "cuda:n"; raises UsageError."""
    if not _FORM.fullmatch(wanted):
        raise UsageError(f"There is no device {wanted!r}: use auto, cpu, cuda or cuda:1.")
    if wanted == "cpu":
        return "cpu"
    if not _cuda_here():
        if wanted == "auto":
            return "cpu"
        raise UsageError(
            f"{wanted} is not there: no NVIDIA device on this machine, or a torch built without CUDA. "
            "Use --device cpu."
        )
    return wanted if ":" in wanted else "cuda:0"


def _cuda_here() -> bool:
    """Return whether there is a device node and torch was built for CUDA."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or not Path("/dev/nvidia0").exists():
        return False
    version = Path(spec.origin).parent / "version.py"
    text = version.read_text("utf-8") if version.is_file() else ""
    return re.search(r"^cuda\b[^=]*= *'", text, re.MULTILINE) is not None
