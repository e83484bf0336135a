"""Makes docs/page.png and docs/page-desk.png: python docs/make_page.py [FOLDER].

The pages are those of a hack day that was not: twelve teams, three challenges and 150 attempts, with
records like real ones. Needs Chromium and the extra `test`. In a folder that is named, the pages stay.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from records import START, hack_day

from leaderboard.event import Entry, Event
from leaderboard.page.build import build

NOW = START + timedelta(hours=6, minutes=36)
EVENT = Event(
    title="Hack day, autumn 2026",
    challenges=(Entry(id="02"), Entry(id="04"), Entry(id="05", weight=2)),
    opens=START,
    closes=START + timedelta(hours=8),
)
VIEWS = {"index.html": "page.png", "desk.html": "page-desk.png"}


def main() -> None:
    """Build the pages, look at them, keep the pictures."""
    with tempfile.TemporaryDirectory() as private:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else private) / "page"
        build(hack_day(), EVENT, folder, NOW)
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
