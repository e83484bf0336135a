"""Makes docs/page.png and docs/page-desk.png from real gradings: python docs/make_page.py [FOLDER].

Who hands in what and when is made up: twelve teams, three challenges, 150 attempts. Each is graded: a stub,
a solution that is wrong on purpose, or the worked one. Takes half a minute, and needs Chromium and the
extra `test`. In a folder that is named, the pages stay.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import msgspec
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from records import START, hack_day

from grader import challenge as challenges
from grader.challenge import Challenge
from grader.grading import Attempt
from grader.pool import Pool
from grader.submission import Submission, read, with_helper
from leaderboard.event import Entry, Event
from leaderboard.page.build import build
from leaderboard.score import Score

NOW = START + timedelta(hours=6, minutes=36)
EVENT = Event(
    title="Hack day, autumn 2026",
    challenges=(Entry(id="01"), Entry(id="02"), Entry(id="04", weight=2)),
    opens=START,
    closes=START + timedelta(hours=8),
)
VIEWS = {"index.html": "page.png", "desk.html": "page-desk.png"}


def hand_ins(challenge: Challenge) -> list[tuple[int, Submission]]:
    """What may be handed in, with about the points that it is worth."""
    worth = {spec.name: spec.points for spec in challenge.specs}
    failed = {one.name: set(one.messages) for one in challenge.known_mistakes()}
    found = [(0, read(str(challenge.starter), challenge.file_name))]
    found += [
        (
            100 - sum(worth[name] for name in failed[path.stem]),
            with_helper(path, challenge.solution),
        )
        for path in challenge.wrong
        if path.stem in failed
    ]
    return [*found, (100, read(str(challenge.solution), challenge.file_name))]


def graded() -> list[Score]:
    """The scores of the day: of each attempt that was made up, that of the hand-in nearest to it."""
    scores = []
    keys = [entry.id for entry in EVENT.challenges]
    day = sorted(hack_day(keys=keys), key=lambda one: one.challenge.id)
    with Pool() as pool:
        for number, told in enumerate(day):
            challenge = challenges.find(told.challenge.id)
            offered = hand_ins(challenge)
            _, chosen = min(offered, key=lambda one: abs(one[0] - told.score))
            attempt = Attempt(
                challenge, told.team, seed=f"{number:x}", submitted_at=told.submitted_at
            )
            score = pool.submit(chosen, attempt).result()
            scores.append(msgspec.structs.replace(score, graded_at=told.graded_at))
    return scores


def main() -> None:
    """Build the pages, look at them, keep the pictures."""
    with tempfile.TemporaryDirectory() as private:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else private) / "page"
        build(graded(), EVENT, folder, NOW)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = chromium.new_page(viewport={"width": 1920, "height": 1080}, color_scheme="light")
            # The page counts down by the clock of whoever looks at it.
            page.clock.set_fixed_time(NOW)
            for name, picture in VIEWS.items():
                page.goto((folder / name).as_uri())
                page.screenshot(path=Path(__file__).with_name(picture))
            chromium.close()


if __name__ == "__main__":
    main()
