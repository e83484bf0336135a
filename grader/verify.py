"""The tests of the tests: every claim that a challenge makes about its specs, tried."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from grader import tamper_names
from grader.advice import first_line
from grader.challenge import Challenge, KnownMistake
from grader.errors import ChallengeError, UsageError
from grader.grading import Attempt, grade_runs
from grader.spec_list import MAX_SCORE, near
from grader.starting import solution_of, stub_of
from grader.submission import Submission, read, with_helper
from grader.verdict import Run
from leaderboard.score import Score

_HEADER = re.compile(r"^# (caught-by|advice|status): *(.*\S)", re.MULTILINE)
FIRST_SEED = 1


class WrongSolution(msgspec.Struct, frozen=True):
    """A file that is wrong on purpose, as its header describes it."""

    path: Path
    title: str
    caught_by: tuple[str, ...]
    advice: str
    status: str


class Caught(msgspec.Struct, frozen=True):
    """What became of a wrong solution: per seed its score and the specs that it failed."""

    wrong: WrongSolution
    scores: tuple[int, ...]
    failed: tuple[tuple[str, ...], ...]
    messages: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """Everything that verify found out about one challenge; `problems` is empty if all is well."""

    challenge: Challenge
    seeds: int
    solution: tuple[int, ...]
    starter: tuple[int, ...]
    tampered: dict[str, tuple[int, ...]]
    second: dict[str, tuple[int, ...]]
    caught: tuple[Caught, ...]
    problems: tuple[str, ...]

    def known_mistakes(self) -> list[KnownMistake]:
        """Return the table from which advice is given."""
        return [
            KnownMistake(row.wrong.path.stem, row.wrong.advice, row.messages)
            for row in self.caught
            if row.messages
        ]

    def catches(self, spec: str) -> int:
        """Return how many wrong solutions fail this spec on the first seed."""
        return sum(spec in row.failed[0] for row in self.caught)


OnDone = Callable[[str], None]


def verify(challenge: Challenge, seeds: int = 1, on_done: OnDone | None = None) -> Report:
    """Grade solution, starter, tampered answers, second and wrong solutions; report what fails."""
    challenge.check_open()
    if challenge.sealed_in is not None:
        raise UsageError(
            f"{challenge.key} is sealed, and its solutions would come to a disk: verify it where it is "
            "plain. `grader seal check` says whether that is what was sealed."
        )
    _check_imports(challenge)
    verifier = _Verifier(challenge, seeds, on_done or (lambda name: None))
    return verifier.run()


def _check_imports(challenge: Challenge) -> None:
    """Raise ChallengeError where a module that both processes are to import cannot be imported."""
    script = "import importlib, sys; importlib.import_module(sys.argv[1])"
    for name in challenge.imports:
        # In a process of its own: it may be torch, which the command line never imports.
        command = [sys.executable, "-P", "-c", script, name]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            told = done.stderr.decode(errors="replace").splitlines() or ["it ends the process"]
            raise ChallengeError(
                f"{challenge.key}/challenge.toml: imports: {name} cannot be imported here: {told[-1]}"
            )


class _Item(msgspec.Struct, frozen=True):
    """One hand-in and the runs that it is to make. `alone`: it is expected to end its process."""

    name: str
    submission: Submission
    runs: list[Run]
    alone: bool = False


class _Verifier:
    def __init__(self, challenge: Challenge, seeds: int, on_done: OnDone) -> None:
        self._challenge = challenge
        self._seeds = [f"{FIRST_SEED + number:x}" for number in range(seeds)]
        self._on_done = on_done
        self._problems: list[str] = []

    def run(self) -> Report:
        """Grade everything and look at every claim."""
        challenge = self._challenge
        wrong = [self._read_wrong(path) for path in challenge.wrong]
        second = {path.stem: path for path in second_solutions(challenge)}
        scores = self._grade_all(self._items(wrong, second))
        report = Report(
            challenge,
            len(self._seeds),
            self._expect("solution", scores["solution"], MAX_SCORE),
            self._expect("starter", scores["starter"], 0),
            {
                name: self._expect_tampered(name, scores[f"tampered/{name}"])
                for name in self._tampers()
            },
            {
                name: self._expect(f"second solution {name}", scores[f"second/{name}"], MAX_SCORE)
                for name in second
            },
            tuple(self._check_wrong(item, scores[f"wrong/{item.path.stem}"]) for item in wrong),
            (),
        )
        self._check_specs(report)
        return msgspec.structs.replace(report, problems=tuple(dict.fromkeys(self._problems)))

    def _items(self, wrong: list[WrongSolution], second: dict[str, Path]) -> list[_Item]:
        challenge = self._challenge
        plain = [Run(seed) for seed in self._seeds]
        solution = _read(solution_of(challenge))
        items = [
            _Item("solution", solution, plain),
            _Item("starter", _read(stub_of(challenge)), plain),
        ]
        items += [_Item(f"second/{name}", _read(path), plain) for name, path in second.items()]
        for name in self._tampers():
            runs = [Run(seed, name, challenge.verify.train_seconds) for seed in self._seeds]
            items.append(_Item(f"tampered/{name}", solution, runs))
        for one in wrong:
            submission = with_helper(one.path, challenge.solution)
            name = f"wrong/{one.path.stem}"
            items.append(_Item(name, submission, plain, one.status != "graded"))
        return items

    def _grade_all(self, items: list[_Item]) -> dict[str, list[Score]]:
        """Grade in series, as many side by side as there are cores for their threads.

        What did not end as graded in a series is graded again alone: another may have ended the pair.
        """
        jobs = max(1, (os.cpu_count() or 1) // self._challenge.limits.threads)
        together = [] if sys.platform == "win32" else [item for item in items if not item.alone]
        groups = [group for n in range(jobs) if (group := together[n::jobs])]
        scores: dict[str, list[Score]] = {}
        with ThreadPoolExecutor(jobs) as pool:
            for done in pool.map(self._grade_series, groups):
                scores |= done
            rest = [item for item in items if _ended_early(scores.get(item.name))]
            for item, alone in zip(rest, pool.map(self._grade_alone, rest), strict=True):
                scores[item.name] = alone
        return scores

    def _grade_series(self, items: list[_Item]) -> dict[str, list[Score]]:
        hand_ins = {str(number): item.submission for number, item in enumerate(items)}
        runs = [
            msgspec.structs.replace(run, folder=str(number))
            for number, item in enumerate(items)
            for run in item.runs
        ]
        scores = iter(self._grade(hand_ins, runs))
        result = {}
        for item in items:
            result[item.name] = [next(scores) for _ in item.runs]
            self._on_done(item.name)
        return result

    def _grade_alone(self, item: _Item) -> list[Score]:
        scores = self._grade({"": item.submission}, item.runs)
        self._on_done(item.name)
        return scores

    def _grade(self, hand_ins: Mapping[str, Submission], runs: list[Run]) -> list[Score]:
        # The wall clock is per pair of processes, and one pair makes all runs here.
        limits = self._challenge.limits
        limits = msgspec.structs.replace(
            limits, wall_s=limits.wall_s * len(runs), cpu_s=limits.cpu_s * len(runs)
        )
        return grade_runs(hand_ins, Attempt(self._challenge, "verify", limits=limits), runs)

    def _tampers(self) -> list[str]:
        exempt = self._challenge.verify.exempt
        for name in exempt:
            if name not in tamper_names.NAMES:
                self._problems.append(f"[verify.exempt] names an unknown tampering: {name}")
        return [name for name in tamper_names.NAMES if name not in exempt]

    def _read_wrong(self, path: Path) -> WrongSolution:
        text = path.read_text("utf-8")
        fields: dict[str, list[str]] = {"caught-by": [], "advice": [], "status": []}
        for name, value in _HEADER.findall(text):
            fields[name].append(value)
        title = text.lstrip().removeprefix('"""').partition("\n")[0].removesuffix('"""')
        wrong = WrongSolution(
            path,
            title,
            tuple(fields["caught-by"]),
            " ".join(fields["advice"]),
            (fields["status"] or ["graded"])[0],
        )
        self._problems += [f"wrong/{path.name}: {lack}" for lack in self._lacks(wrong)]
        return wrong

    def _lacks(self, wrong: WrongSolution) -> Iterator[str]:
        """Yield what the header of a wrong solution lacks, and how it is written."""
        if not wrong.advice:
            yield 'has no advice. Write a line "# advice: …" for who makes the same mistake.'
        known = [spec.name for spec in self._challenge.specs]
        for name in wrong.caught_by:
            if name not in known:
                yield f"is caught-by {name}, and no spec is called so.{near(name, known)}"
        if wrong.status == "graded" and not wrong.caught_by:
            yield (
                "says neither caught-by nor status. "
                'Write a line "# caught-by: test_…" with the spec that fails.'
            )

    def _expect(self, name: str, scores: Sequence[Score], wanted: int) -> tuple[int, ...]:
        for score in scores:
            if score.status == "graded" and score.score == wanted:
                continue
            if score.status != "graded":
                # Not "scores 0, not 0".
                self._problems.append(
                    f"{name} is {score.status}, not graded (seed {score.seed}). {score.message}"
                )
                continue
            wrong = "failed" if wanted else "passed"
            specs = [spec.name for spec in score.specs if spec.outcome == wrong]
            told = "; ".join(f"{s.name}: {s.message}" for s in score.specs if s.outcome == "failed")
            detail = f" {wrong}: {', '.join(specs)}" + (f" ({told})" if wanted else "")
            self._problems.append(
                f"{name} scores {score.score}, not {wanted} (seed {score.seed}, {score.status})."
                f" {score.message}{detail}"
            )
        return tuple(score.score for score in scores)

    def _expect_tampered(self, name: str, scores: Sequence[Score]) -> tuple[int, ...]:
        """Replaced values earn nothing. Right values without a graph lose what gradients are worth."""
        if name != tamper_names.DETACHED:
            return self._expect(f"solution with {name} answers", scores, 0)
        for score in scores:
            if score.status != "graded" or score.score == MAX_SCORE:
                self._problems.append(
                    f"solution cut from the graph scores {score.score} (seed {score.seed}, {score.status})"
                )
        return tuple(score.score for score in scores)

    def _check_wrong(self, wrong: WrongSolution, scores: Sequence[Score]) -> Caught:
        name = f"wrong/{wrong.path.name}"
        failed = []
        for score in scores:
            names = tuple(spec.name for spec in score.specs if spec.outcome == "failed")
            failed.append(names)
            if score.status != wrong.status:
                self._problems.append(f"{name}: status {score.status}. {score.message}")
            missed = [spec for spec in wrong.caught_by if spec not in names]
            if missed:
                self._problems.append(
                    f"{name} is not caught by {', '.join(missed)} (seed {score.seed}, "
                    f"score {score.score}, failed {', '.join(names) or 'nothing'})"
                )
            if (score.score == MAX_SCORE) != self._is_remarked_only(wrong):
                self._problems.append(f"{name} scores {score.score}")
        first = scores[0] if scores else None
        specs = first.specs if first else ()
        messages = {s.name: first_line(s.message) for s in specs if s.outcome == "failed"}
        return Caught(wrong, tuple(s.score for s in scores), tuple(failed) or ((),), messages)

    def _is_remarked_only(self, wrong: WrongSolution) -> bool:
        """Return whether all specs that must catch it are remarks: only then it scores 100."""
        worth = {spec.name: spec.points for spec in self._challenge.specs}
        return bool(wrong.caught_by) and not any(worth.get(name, 1) for name in wrong.caught_by)

    def _check_specs(self, report: Report) -> None:
        for spec in self._challenge.specs:
            if not report.catches(spec.name):
                self._problems.append(f"{spec.name} catches no wrong solution")
        if not self._challenge.brief.is_file():
            self._problems.append("brief.md is missing")


def second_solutions(challenge: Challenge) -> Iterator[Path]:
    """Yield the solutions in other styles; a clone has them, an installed wheel does not."""
    # Not the kit's for one of the same number that the kit does not hold.
    folder = challenge.home.parents[1] / "tests" / "second_solutions" / challenge.id
    yield from sorted(folder.glob("*.py"))


def _read(path: Path) -> Submission:
    return read(str(path), path.name)


def _ended_early(scores: list[Score] | None) -> bool:
    return scores is None or any(score.status != "graded" for score in scores)
