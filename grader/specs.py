"""The pytest plugin that hidden specs are written against: fixtures, points, needs, verdicts."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final

import msgspec
import pytest
import torch

from grader.challenge import Challenge
from grader.expectation import Expect, SpecFailure
from grader.replay import CannotRepeat
from grader.session import Remote, Session, SubmissionError
from grader.transport import SessionLost
from grader.verdict import Measured, SpecVerdict

MESSAGE_KEPT: Final = 4000
OUR_FAULT: Final = "grader_fault"


class Context(msgspec.Struct):
    """One run over the specs: who answers, and what specs reported beside passing or failing."""

    challenge: Challenge
    submission: Session
    second: Callable[[], Session]
    reference: Session
    seed: str
    budget: float
    fresh_reference: Callable[[], Session]
    on_spec: Callable[[str], None]
    metric: Measured | None = None
    private_metric: Measured | None = None


class SpecPlugin:
    """Registered for one run of pytest inside the judge. The context may come after the collection."""

    def __init__(self, context: Context | None) -> None:
        self.context = context
        self._passed: set[str] = set()
        self._cache: dict[str, Any] = {}
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="reference")

    @property
    def _context(self) -> Context:
        assert self.context is not None, "no spec runs before there is somebody to ask"
        return self.context

    def pytest_configure(self, config: pytest.Config) -> None:
        """Declare the two markers."""
        config.addinivalue_line("markers", "points(n): what the spec is worth")
        config.addinivalue_line("markers", "needs(name, ...): specs that must have passed before")

    def pytest_unconfigure(self) -> None:
        """End the thread that the reference computes in, if there is one."""
        self._aside.shutdown()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a spec whose needs did not pass."""
        self._context.on_spec(item.name)
        for marker in item.iter_markers("needs"):
            for needed in marker.args:
                if needed not in self._passed:
                    titles = {spec.name: spec.title for spec in self._context.challenge.specs}
                    pytest.skip(f"Not tried: it builds on “{titles[needed]}”.")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Function) -> Iterator[None]:
        """Remember which specs passed; find out whose fault an unforeseen exception is."""
        try:
            result = yield
        except (SpecFailure, CannotRepeat, SubmissionError, SessionLost, pytest.skip.Exception):
            raise
        except Exception as error:
            # A spec that holds for the reference stumbled over a value of the hand-in's: no fault of ours.
            if self._holds_for_reference(item):
                # What an assertion says may hold the numbers that it compares.
                said = "" if isinstance(error, AssertionError) else f": {str(error)[:200]}"
                raise SpecFailure(
                    "Your result is of a kind that cannot be worked with here "
                    f"({type(error).__name__}{said})."
                ) from error
            raise
        self._passed.add(item.name)
        return result

    def _holds_for_reference(self, item: pytest.Function) -> bool:
        """Return whether the spec passes when the reference stands in the place of the hand-in."""
        context = self._context
        metrics = context.metric, context.private_metric
        session = context.fresh_reference()
        remote = session.remote("submission")
        own: dict[str, Any] = {
            "submission": remote,
            "stranger": lambda: remote,
            "both": lambda ask, *args, **more: (ask(remote, *args, **more),) * 2,
            "rng": self._generator(item.name),
            "expect": Expect(session.device),
            "device": session.device,
            "shared": {},
        }
        names = item._fixtureinfo.argnames
        try:
            item.obj(**{name: own.get(name, item.funcargs[name]) for name in names})
        except Exception:
            return False
        finally:
            context.metric, context.private_metric = metrics
        return True

    def _generator(self, name: str) -> torch.Generator:
        text = f"{self._context.seed}/{name}".encode()
        number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
        return torch.Generator().manual_seed(number)

    @pytest.hookimpl(optionalhook=True)
    def pytest_json_runtest_metadata(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> dict[str, str]:
        """Put what a learner may read into pytest-json-report's record of the spec."""
        if call.when != "call" and call.excinfo is None:
            return {}
        kind, message = _explain(call.excinfo.value if call.excinfo else None)
        return {"kind": kind, "message": message[:MESSAGE_KEPT]}

    @pytest.fixture
    def submission(self) -> Remote:
        """The hand-in, in the walled worker."""
        return self._context.submission.remote("submission")

    @pytest.fixture
    def stranger(self) -> Callable[[], Remote]:
        """Returns the hand-in in a second worker, which has seen nothing that the first one was given.

        From the first call on the first worker is gone, and `submission` answers no more. For challenges
        with `workers = 2`; where there is only one worker, the same as `submission`.
        """
        return lambda: self._context.second().remote("submission")

    @pytest.fixture
    def reference(self) -> Remote:
        """The worked solution, in the judge, with the same interface."""
        return self._context.reference.remote("submission")

    @pytest.fixture
    def both(self, submission: Remote, reference: Remote) -> Callable[..., Any]:
        """Puts a question to both sides at the same time: (what the hand-in says, what is expected).

        `both(ask, *args, **more)` calls ask(side, *args, **more) for each. `ask` is called in two threads
        at once, so it draws no random numbers and writes to nothing that both sides see.
        """

        def put(ask: Callable[..., Any], *args: Any, **more: Any) -> tuple[Any, Any]:
            expected = self._aside.submit(ask, reference, *args, **more)
            try:
                # This thread goes on until it has asked and has nothing to do but wait.
                actual = ask(submission, *args, **more)
            finally:
                # Also where the hand-in failed: no spec goes on beside a call of its own.
                wait([expected])
            return actual, expected.result()

        return put

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> torch.Generator:
        """Random numbers from the run's secret seed and the spec's name."""
        return self._generator(request.node.name)

    @pytest.fixture
    def expect(self) -> Expect:
        """The comparison that words failures for a learner."""
        return Expect(self._context.submission.device)

    @pytest.fixture
    def device(self) -> torch.device:
        """Where the hand-in's tensors live."""
        return self._context.submission.device

    @pytest.fixture
    def budget(self) -> float:
        """Seconds that the hand-in may train."""
        return self._context.budget

    @pytest.fixture
    def shared(self) -> dict[str, Any]:
        """A dict that all specs of one run share: for what is too dear to compute twice."""
        return self._cache

    @pytest.fixture
    def metric(self) -> Callable[..., None]:
        """Records the challenge's metric; `private`: as measured on what private specs use."""

        def record(value: float, stderr: float | None = None, private: bool = False) -> None:
            measured = Measured(float(value), None if stderr is None else float(stderr))
            if private:
                self._context.private_metric = measured
            else:
                self._context.metric = measured

        return record

    @pytest.fixture
    def violation(self) -> Callable[[str], None]:
        """Ends the grading with status `violation`."""

        def end(sentence: str) -> None:
            self._context.submission.lost = SessionLost("violation", sentence)
            raise self._context.submission.lost

        return end


def _explain(error: BaseException | None) -> tuple[str, str]:
    """Return how a spec ended and what to tell the learner."""
    if error is None:
        return "passed", ""
    if isinstance(error, pytest.skip.Exception):
        return "skipped", str(error.msg)
    if isinstance(error, (SpecFailure, CannotRepeat)):
        return "failed", str(error)
    if isinstance(error, SubmissionError):
        return "failed", f"Your code raised {error}"
    if isinstance(error, SessionLost):
        # Why is said once, in the message of the verdict.
        return "not_run", ""
    return OUR_FAULT, "".join(traceback.format_exception(error))[-MESSAGE_KEPT:]


class Fault(Exception):
    """The report does not account for every spec, or a spec itself is broken."""


def verdicts(challenge: Challenge, report: dict[str, Any]) -> list[SpecVerdict]:
    """Read pytest-json-report's record: exactly one entry per spec of the challenge, in its order.

    Raises Fault for anything missing, duplicated, unknown or broken.
    """
    entries: dict[str, dict[str, Any]] = {}
    for test in report.get("tests", []):
        name = test["nodeid"].rpartition("::")[2]
        if name in entries:
            raise Fault(f"the report has {name} twice")
        entries[name] = test
    wanted = [spec.name for spec in challenge.specs]
    missing, unknown = set(wanted) - set(entries), set(entries) - set(wanted)
    if missing or unknown:
        collectors = report.get("collectors", [])
        broken = [report.get("talk", ""), *(c.get("longrepr", "") for c in collectors)]
        raise Fault(
            f"the report lacks {sorted(missing)} and has unknown {sorted(unknown)}\n"
            + "\n".join(filter(None, broken))
        )
    return [_verdict(name, entries[name]) for name in wanted]


def _verdict(name: str, test: dict[str, Any]) -> SpecVerdict:
    metadata = test.get("metadata", {})
    kind, message = metadata.get("kind"), metadata.get("message", "")
    if kind == OUR_FAULT or kind is None:
        raise Fault(f"{name}: {message or 'the report does not say how it ended'}")
    if (kind == "passed") != (test["outcome"] == "passed"):
        raise Fault(f"{name}: the report contradicts itself")
    phases = (test.get(phase, {}) for phase in ("setup", "call", "teardown"))
    seconds = sum(phase.get("duration", 0.0) for phase in phases)
    return SpecVerdict(name, kind, message, round(seconds, 4))
