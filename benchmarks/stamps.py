"""Runs the grader or a judge as `python -m` would, and notes where its time goes, from outside.

    python benchmarks/stamps.py FOLDER grader grade 04 attention.py
    python benchmarks/stamps.py FOLDER grader.judge REQUEST          (started by the one above)
    python benchmarks/stamps.py FOLDER grader.warm_judge CHALLENGE   (started by benchmarks/stages.py)

Each judge writes one file into FOLDER just before its verdict. Moments are those of the monotonic clock,
which all processes of a machine share. Nothing in the kit knows of this: functions are wrapped where they
stand, and one that is no more is an error, not a stage of no seconds.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import json
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

JUDGES: Final = ("grader.judge", "grader.warm_judge")
now = time.perf_counter
# Stages of a judge, and the functions whose time is theirs; what they call in turn may be another's.
STAGES: Final = {
    "load": ("grader.session:Session.load",),
    "worker": ("grader.transport:PipeTransport.exchange",),
    "reference": ("grader.transport:LocalTransport.exchange", "grader.worker.loading:execute"),
    "specs": (
        "pytest:Function.runtest",
        "grader.session:Session.call",
        "grader.session:Session.get",
        *(
            f"grader.expectation:Expect.{name}"
            for name in ("__call__", "tensor", "that", "raises", "number")
        ),
    ),
}
# Loading is one stage, whoever is waited for in it.
WHOLE: Final = ("load",)
# What is nobody's: pytest's own machinery, and the little that reads its report.
REST: Final = "pytest"


class Clock:
    """Seconds by stage; at each moment one stage runs."""

    def __init__(self) -> None:
        self.moments: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self._running = [REST]
        self._since = now()

    def begin(self) -> None:
        """Forget what was before."""
        self.seconds, self._running, self._since = {}, [REST], now()

    def enter(self, stage: str) -> None:
        """Another stage runs from now."""
        self._note()
        self._running.append(self._running[-1] if self._running[-1] in WHOLE else stage)

    def leave(self) -> None:
        """Go back to the stage before it."""
        self._note()
        self.moments[f"{self._running.pop()} ended"] = self._since

    def _note(self) -> None:
        moment = now()
        stage = self._running[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + moment - self._since
        self._since = moment

    def write(self, folder: Path) -> None:
        """Write everything down, as a file of its own."""
        self._note()
        record = {"moments": self.moments, "seconds": self.seconds}
        (folder / f"{now():.6f}.json").write_text(json.dumps(record), "utf-8")


CLOCK = Clock()


def wrapped(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
    """Return the function; its time is that of the stage."""

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        CLOCK.enter(stage)
        try:
            return function(*args, **kwargs)
        finally:
            CLOCK.leave()

    return timed


def place_of(path: str) -> tuple[Any, str]:
    """Return the module or class in which a function stands, and its name; raises AttributeError."""
    module, _, names = path.partition(":")
    *owners, name = names.split(".")
    place = functools.reduce(getattr, owners, importlib.import_module(module))
    getattr(place, name)
    return place, name


def wrap_all() -> None:
    """Wrap the functions of all stages."""
    for stage, paths in STAGES.items():
        for path in paths:
            place, name = place_of(path)
            setattr(place, name, wrapped(getattr(place, name), stage))


class Popen(subprocess.Popen):  # type: ignore[type-arg]
    """Starts judges by way of this file, and notes when."""

    folder = ""

    def __init__(self, command: Sequence[str], *args: Any, **kwargs: Any) -> None:
        if len(command) > 2 and command[-2] in JUDGES:
            at = command.index("-m")
            command = [*command[:at], __file__, self.folder, *command[at + 1 :]]
            Path(self.folder, "started").write_text(repr(now()), "utf-8")
        super().__init__(command, *args, **kwargs)


class _JudgingIsImported(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Notes when a judge begins to import torch and when it has done so; then wraps what is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loader: importlib.abc.Loader | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find `grader.judging` as usual, with a loader that tells."""
        if name != "grader.judging":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        self._loader = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Create it as usual."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run it, with the time around it noted."""
        assert self._loader is not None
        CLOCK.moments["importing"] = now()
        self._loader.exec_module(module)
        wrap_all()
        judge_all = module.judge_all

        def judged(
            request: Any, reader: int, writer: int, send: Callable[[Any], None], *more: Any
        ) -> None:
            from grader.verdict import Verdict

            def sent(event: Any) -> None:
                if isinstance(event, Verdict):
                    CLOCK.moments["verdict"] = now()
                    CLOCK.write(self._folder)
                send(event)

            CLOCK.moments["judging"] = now()
            CLOCK.begin()
            judge_all(request, reader, writer, sent, *more)

        module.judge_all = judged  # type: ignore[attr-defined]


def main() -> None:
    """Run a module under the clock."""
    folder, name = sys.argv[1:3]
    sys.argv = [name, *sys.argv[3:]]
    if name in JUDGES:
        sys.meta_path.insert(0, _JudgingIsImported(Path(folder)))
        importlib.import_module(name).main()
    else:
        Popen.folder = folder
        subprocess.Popen = Popen  # type: ignore[misc]
        runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
