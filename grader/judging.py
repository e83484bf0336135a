"""Runs the hidden specs with pytest, in the judge, and turns pytest's report into verdicts."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import pytest
import torch
from pytest_jsonreport.plugin import JSONReport

from grader import pipes, tamper, words
from grader.challenge import Challenge, load
from grader.session import Session
from grader.specs import MESSAGE_KEPT, Context, Fault, SpecPlugin, verdicts
from grader.transport import LocalTransport, PipeTransport, SessionLost
from grader.verdict import Event, JudgeRequest, Progress, Retired, Run, Verdict
from grader.worker import loading, wire
from leaderboard.score import WHILE_TESTING, Status

Send = Callable[[Event], None]
RunSpecs = Callable[[Context], dict[str, object]]
"""Runs the specs once and returns what pytest-json-report says of it."""
RETIRING_S: Final = 20.0
# Of no use here, and most of them have work to do around each spec: half of the time of most specs.
PLUGINS_LEFT_OUT: Final = (
    *("cacheprovider", "faulthandler", "doctest", "junitxml", "unittest", "debugging", "pastebin"),
    *("stepwise", "setuponly", "setupplan", "subtests"),
    *("capture", "logging", "warnings", "unraisableexception", "threadexception"),
)


def judge_all(
    request: JudgeRequest, reader: int, writer: int, send: Send, run_specs: RunSpecs | None = None
) -> None:
    """Load the hand-in, run every run of the request, send progress and one verdict for each run."""
    run_specs = run_specs or run_specs_once
    challenge = load(Path(request.challenge))
    _settle(challenge)
    device = torch.device(request.device)
    transports = [
        PipeTransport(pipes.ends(*one)) for one in ((reader, writer), request.second) if one
    ]
    sides: _Sides | None = None
    for number, run in enumerate(request.runs):
        if sides is None or run.folder != request.runs[number - 1].folder:
            if sides is not None:
                sides.leave()
            sessions = [Session(one, device, request.limits) for one in transports]
            # In a series the first worker is still needed for the next hand-in.
            retire = None if len(request.runs) > 1 else _retiring(transports[0], send)
            sides = _Sides(sessions, retire)
            refusal = _load(sides.session, challenge, run.folder)
        if refusal is not None:
            send(_ended(*refusal))
        else:
            send(_run(challenge, sides, run, request, send, run_specs))


def warm_up(challenge: Challenge) -> None:
    """Import what a grading of the challenge needs, and grade the worked solution against itself once.

    So whatever torch, pytest and the specs load when they are first used is loaded. Challenges that train
    are not graded.
    """
    _settle(challenge)
    for name in challenge.imports:
        import_module(name)
    if challenge.train is not None:
        return
    request = JudgeRequest(str(challenge.folder), "cpu", challenge.limits, [Run("0")])
    context = Context(
        challenge=challenge,
        submission=_reference(challenge, request),
        second=lambda: _reference(challenge, request),
        reference=_reference(challenge, request),
        fresh_reference=lambda: _reference(challenge, request),
        seed="0",
        budget=0.0,
        on_spec=lambda name: None,
    )
    run_specs_once(context)


def _settle(challenge: Challenge) -> None:
    """Set torch and the import path as a judge needs them."""
    torch.set_num_threads(1)
    # Not use_deterministic_algorithms: that imports the compiler stack, two seconds of it.
    torch.set_deterministic_debug_mode("warn")
    # Specs import their own helper modules, such as the language of challenge 05.
    folder = str(challenge.folder / "specs")
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _retiring(transport: PipeTransport, send: Send) -> Callable[[], None]:
    """Return what has a worker ended, and returns when it is gone."""

    def retire() -> None:
        send(Retired())
        if not transport.wait_for_end(RETIRING_S):
            # The supervisor ended it, so what holds the channel is a process that it left behind.
            raise SessionLost("violation", "A process of the hand-in outlived its worker.")

    return retire


class _Sides:
    """The sessions about one hand-in: with the worker, and with the second one if there is one."""

    def __init__(self, sessions: list[Session], retire: Callable[[], None] | None) -> None:
        self.session = sessions[0]
        self._retire = retire
        self._second = sessions[1] if len(sessions) > 1 else None
        self._loaded = False

    def second(self, challenge: Challenge, folder: str) -> Session:
        """Return the session with a worker that knows nothing of the first; loads it when first asked."""
        if self._second is None:
            return self.session
        self._second.tamper = self.session.tamper
        if not self._loaded:
            self._loaded = True
            try:
                self._load_second(challenge, folder)
            except SessionLost as lost:
                self.session.lost = lost
                raise
        return self._second

    def _load_second(self, challenge: Challenge, folder: str) -> None:
        assert self._second is not None
        if self._retire:
            # Two processes of one hand-in can always find a way to talk, if only by file locks.
            self._retire()
        # It will not train, so what only training imports can stay out.
        refusal = _load(self._second, msgspec.structs.replace(challenge, imports=()), folder)
        if refusal is not None:
            raise SessionLost(*refusal)

    def leave(self) -> None:
        """End this hand-in of a series."""
        sessions = [self.session, *([self._second] if self._second and self._loaded else [])]
        for session in sessions:
            if session.lost is None:
                session.leave()

    @property
    def lost(self) -> SessionLost | None:
        """Why one of them can answer no more."""
        return self.session.lost or (self._second.lost if self._second else None)


def _load(session: Session, challenge: Challenge, folder: str) -> tuple[Status, str] | None:
    """Have the worker import the hand-in; returns why it cannot be graded, None if it can."""
    imports = threading.Thread(target=lambda: [import_module(n) for n in challenge.imports])
    imports.start()
    try:
        loaded = session.load(challenge, folder)
    except SessionLost as lost:
        return lost.status, f"While the hand-in was imported: {lost}"
    finally:
        imports.join()
    if isinstance(loaded, wire.Raised):
        return "ungradable", words.does_not_import(loaded)
    message = words.names_missing(loaded, challenge.names)
    return ("ungradable", message) if message else None


def _run(
    challenge: Challenge,
    sides: _Sides,
    run: Run,
    request: JudgeRequest,
    send: Send,
    run_specs: RunSpecs,
) -> Verdict:
    session = sides.session
    session.tamper = tamper.make(run.tamper) if run.tamper else None
    # Tampering and the solution's own modules draw from it; specs have generators of their own. Not
    # torch.manual_seed, which looks for devices of five kinds.
    torch.default_generator.manual_seed(0)
    seconds = challenge.train.seconds if challenge.train else 0.0
    reporter = _Reporter(challenge, send)
    context = Context(
        challenge=challenge,
        submission=session,
        second=lambda: sides.second(challenge, run.folder),
        reference=_reference(challenge, request),
        fresh_reference=lambda: _reference(challenge, request),
        seed=run.seed,
        budget=seconds if run.train_seconds is None else run.train_seconds,
        on_spec=reporter.spec,
    )
    session.on_long_call = reporter.long_call
    report = run_specs(context)
    try:
        specs = verdicts(challenge, report)
    except Fault as fault:
        return _ended("grader_fault", str(fault))
    lost = sides.lost
    if lost is not None:
        where = next((spec.name for spec in specs if spec.outcome == "not_run"), None)
        return _verdict(lost.status, _lost_message(challenge, lost, where), specs, context)
    return _verdict("graded", "", specs, context)


class _Reporter:
    """Tells the supervisor which spec runs, and when a long call begins and ends."""

    def __init__(self, challenge: Challenge, send: Send) -> None:
        self._specs = {spec.name: (spec.title, n) for n, spec in enumerate(challenge.specs, 1)}
        self._send = send
        self._now = ("", 0)

    def spec(self, name: str) -> None:
        """A spec begins."""
        self._now = self._specs.get(name, (name, 0))
        self._send(Progress(*self._now, len(self._specs)))

    def long_call(self, seconds: float | None) -> None:
        """A call with its own deadline begins (seconds) or has ended (None)."""
        self._send(Progress(*self._now, len(self._specs), seconds))


def _reference(challenge: Challenge, request: JudgeRequest) -> Session:
    """Return a session with the worked solution, fresh for every run, in this process."""
    path = challenge.solution
    module = loading.execute(loading.compile_source(path), path, "reference")
    rig = challenge.rig
    rig_module = loading.execute(loading.compile_source(rig), rig, "reference_rig") if rig else None
    transport = LocalTransport(module, rig_module, challenge.folder)
    return Session(transport, torch.device("cpu"), request.limits)


def run_specs_once(context: Context) -> dict[str, object]:
    """Collect the specs and run them."""
    report = JSONReport()
    talk = _pytest(context.challenge, [SpecPlugin(context), report])
    # What pytest prints is only of use where there is no report: a broken option or spec file.
    return report.report or {"talk": talk}


def with_specs_collected(challenge: Challenge, serve: Callable[[RunSpecs], NoReturn]) -> None:
    """Have pytest collect the specs, and call `serve` with what runs them: once, so fork before.

    Returns only where they cannot be collected.
    """
    plugin, report = SpecPlugin(None), JSONReport()

    class Waiting:
        """Stands before pytest's own loop over the specs, and lets it pass when asked to run them."""

        def __init__(self) -> None:
            self._served = False

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: pytest.Session) -> None:
            """Wait for a context, the first time; for the second time, let the loop run."""
            if not self._served and not session.testsfailed:
                self._served = True
                serve(lambda context: self._run(session, context))

        def _run(self, session: pytest.Session, context: Context) -> dict[str, object]:
            plugin.context = context
            hook = session.config.hook
            hook.pytest_runtestloop(session=session)
            hook.pytest_sessionfinish(session=session, exitstatus=0)
            return report.report or {}

    _pytest(challenge, [plugin, report, Waiting()])


def _pytest(challenge: Challenge, plugins: Sequence[object]) -> str:
    """Run pytest over the specs with nothing of the surroundings: no config, no cache, no plugins.

    Returns what it printed.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    folder = str(challenge.folder / "specs")
    options = ["-c", os.devnull, "--rootdir", folder, "-q", "--tb=short"]
    for name in PLUGINS_LEFT_OUT:
        options += ["-p", f"no:{name}"]
    options += ["-p", "pytest_metadata.plugin", "-p", "pytest_jsonreport.plugin"]
    options += ["--json-report-file=none", "--json-report-omit", "log", "streams", "keywords"]
    # No conftest.py: those of folders above have no business in the judge.
    options += ["--import-mode=importlib", "--noconftest", folder]
    talk = io.StringIO()
    with contextlib.redirect_stdout(talk):
        code = pytest.main(options, plugins=plugins)
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        _forget_modules_below(folder)
    return talk.getvalue()


def _forget_modules_below(folder: str) -> None:
    """Have specs that could not be imported fail again: half-imported, they would pass for empty ones."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(folder + os.sep):
            del sys.modules[name]


def _lost_message(challenge: Challenge, lost: SessionLost, name: str | None) -> str:
    title = next((spec.title for spec in challenge.specs if spec.name == name), None)
    return f"{lost}{WHILE_TESTING.format(title)}" if title else str(lost)


def _verdict(status: Status, message: str, specs: list, context: Context) -> Verdict:  # type: ignore[type-arg]
    device = context.submission.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    version = str(torch.__version__)
    return Verdict(status, message, specs, context.metric, version, name, context.private_metric)


def _ended(status: Status, message: str) -> Verdict:
    return Verdict(status, message[:MESSAGE_KEPT], [], None, str(torch.__version__), "")
