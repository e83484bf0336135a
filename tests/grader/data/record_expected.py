"""Prints, as JSON, what the specs of a challenge send and expect for a seed, with its own solution.

`python record_expected.py FOLDER SEED`: bytes in hexadecimal of two neighbouring numbers from each
expected float64 tensor, by spec, and of two from each input; and how often forward was called.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from grader import judging, specs
from grader.challenge import Challenge, Limits, load
from grader.expectation import Expect
from grader.session import Session
from grader.transport import LocalTransport
from grader.worker import loading
from grader.worker.calls import leaves

CPU = torch.device("cpu")
NAME = "recorded"


class Recorder:
    """Collects numbers while the specs run."""

    def __init__(self) -> None:
        self.spec = ""
        self.expected: dict[str, list[str]] = {}
        self.inputs: list[str] = []
        self.forwards = 0
        self._sent = b""

    def begin(self, name: str) -> None:
        """A spec begins."""
        self.spec = name
        self.expected[name] = []

    def send(self, *values: Any) -> None:
        """These are sent to the hand-in."""
        for tensor in leaves(values):
            self._sent += number_bytes(tensor)
            self.inputs.extend(pair.hex() for pair in pairs(tensor)[:1])

    def expect(self, value: Any) -> None:
        """This is what a spec expects."""
        for tensor in leaves(value):
            new = [pair.hex() for pair in pairs(tensor) if pair not in self._sent]
            self.expected[self.spec].extend(new[:1])

    def count(self, module: nn.Module, *_: object) -> None:
        """A module has been called."""
        self.forwards += type(module).__module__ == NAME


def number_bytes(tensor: torch.Tensor) -> bytes:
    """A float64 tensor as it lies in memory; nothing for other dtypes."""
    if tensor.dtype != torch.float64:
        return b""
    return tensor.detach().contiguous().numpy().tobytes()


def pairs(tensor: torch.Tensor) -> list[bytes]:
    """Pairs of neighbouring numbers that no other tensor would hold by chance."""
    data = number_bytes(tensor)
    words = [data[start : start + 8] for start in range(0, len(data), 8)]
    # Numbers with few digits, such as 0, 1 or 0.5, have zeros in their lower half.
    telling = [any(word[:4]) for word in words]
    return [
        words[n] + words[n + 1]
        for n in range(len(words) - 1)
        if telling[n] and telling[n + 1] and words[n] != words[n + 1]
    ]


def session(challenge: Challenge, name: str) -> Session:
    """The worked solution, in this process."""
    module, rig = executed(challenge.solution, name), None
    if challenge.rig is not None:
        rig = executed(challenge.rig, f"{name}_rig")
    return Session(LocalTransport(module, rig, challenge.folder), CPU, Limits())


def executed(path: Path, name: str) -> ModuleType:
    """The module of a file."""
    return loading.execute(loading.compile_source(path), path, name)


def record(challenge: Challenge, seed: str) -> Recorder:
    """Run the specs once, with the solution in the place of the hand-in."""
    recorder = Recorder()
    submission = session(challenge, NAME)
    call = submission.call

    def recorded(target: Any, mode: Any, args: Any, kwargs: Any, extra: Any, seconds: Any) -> Any:
        recorder.send(args, kwargs, extra)
        return call(target, mode, args, kwargs, extra, seconds)

    class Recording(Expect):
        def __call__(self, actual: Any, expected: Any, *args: Any, **kwargs: Any) -> None:
            recorder.expect(expected)
            super().__call__(actual, expected, *args, **kwargs)

    submission.call = recorded  # type: ignore[method-assign]
    specs.Expect = Recording  # type: ignore[misc]
    nn.modules.module.register_module_forward_hook(recorder.count)
    context = specs.Context(
        challenge=challenge,
        submission=submission,
        second=lambda: submission,
        reference=session(challenge, "reference"),
        fresh_reference=lambda: session(challenge, "reference"),
        seed=seed,
        budget=0.0,
        on_spec=recorder.begin,
    )
    found = specs.verdicts(challenge, judging.run_specs_once(context))
    assert all(verdict.outcome == "passed" for verdict in found), found
    return recorder


if __name__ == "__main__":
    torch.set_num_threads(1)
    recorded = record(load(Path(sys.argv[1])), sys.argv[2])
    told = {
        "expected": recorded.expected,
        "inputs": recorded.inputs,
        "forwards": recorded.forwards,
    }
    print(json.dumps(told))
