"""A file on disk, as a watch sees it change."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from grader.submission import Submission
from grader.watching import Missing, Unreadable, Version, WatchedFile

PATIENCE = 20


class Watch:
    """The versions of a file, from a thread as in a real watch."""

    def __init__(self, path: Path) -> None:
        self.queue: Queue[Version] = Queue()
        self.stop = threading.Event()
        file = WatchedFile(path, "stub.py")
        self.thread = threading.Thread(
            target=lambda: [self.queue.put(version) for version in file.versions(self.stop)]
        )
        self.thread.start()

    def next(self) -> Version:
        """The next version; fails where none comes."""
        return self.queue.get(timeout=PATIENCE)

    def source(self) -> str:
        """The text of the next version, which can be read."""
        version = self.next()
        assert isinstance(version, Submission), version
        return next(iter(version.files.values())).decode()

    def close(self) -> None:
        """End the watch."""
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    path = folder / "mine.py"
    path.write_text("x = 0\n")
    return path


@pytest.fixture
def watch(path: Path) -> Iterator[Watch]:
    """A watch over the file, which has seen its first version."""
    made = Watch(path)
    try:
        assert made.source() == "x = 0\n"
        yield made
    finally:
        made.close()


def test_a_save_is_seen(watch: Watch, path: Path) -> None:
    """What is written over the file is its next version."""
    path.write_text("x = 1\n")

    assert watch.source() == "x = 1\n"


def test_a_rename_over_the_file_is_seen(watch: Watch, path: Path) -> None:
    """Editors that write beside the file and rename it into place are followed, more than once."""
    for number in (1, 2, 3):
        beside = path.with_suffix(".tmp")
        beside.write_text(f"x = {number}\n")
        beside.replace(path)

        assert watch.source() == f"x = {number}\n"


def test_a_backup_by_rename_is_seen(watch: Watch, path: Path) -> None:
    """vim renames the old file away and writes a new one: one version, and no word of a missing file."""
    path.rename(path.with_name("mine.py~"))
    path.write_text("x = 1\n")

    assert watch.source() == "x = 1\n"


def test_the_same_content_is_no_version(watch: Watch, path: Path) -> None:
    """Saving without a change, and files beside the watched one, go unnoticed."""
    path.write_text("x = 0\n")
    path.with_name("other.py").write_text("y = 1\n")
    with pytest.raises(Empty):
        watch.queue.get(timeout=1)
    path.write_text("x = 1\n")

    assert watch.source() == "x = 1\n"


def test_a_file_that_vanishes_may_return(watch: Watch, path: Path) -> None:
    """The watch says that the file is gone, and sees it when it is there again."""
    path.unlink()
    gone = watch.next()
    path.write_text("x = 0\n")

    assert isinstance(gone, Missing)
    assert "mine.py" in gone.reason
    assert watch.source() == "x = 0\n"


def test_half_written_then_whole(watch: Watch, path: Path) -> None:
    """A file that stays empty is a version that cannot be read; the rest, written later, is the next."""
    with path.open("w") as file:
        file.flush()
        empty = watch.next()
        file.write("x = 1\n")

    assert isinstance(empty, Unreadable)
    assert "empty" in empty.reason
    assert watch.source() == "x = 1\n"


def test_a_burst_of_saves_ends_in_the_last(watch: Watch, path: Path) -> None:
    """However many saves come at once, what is seen last is what lies there."""
    for number in range(50):
        path.write_text(f"x = {number}\n")
    seen = watch.source()
    while seen != "x = 49\n":
        seen = watch.source()

    assert watch.queue.empty()


def test_the_folder_may_go_and_return(watch: Watch, path: Path) -> None:
    """A removed folder is said to be gone; one of the same name is watched again."""
    shutil.rmtree(path.parent)
    # The file goes first, and may be seen to.
    gone = watch.next()
    while "folder" not in getattr(gone, "reason", ""):
        gone = watch.next()
    path.parent.mkdir()
    path.write_text("x = 1\n")
    said = watch.next()
    while isinstance(said, Missing):
        said = watch.next()
    assert isinstance(said, Submission)
    path.write_text("x = 2\n")

    assert watch.source() == "x = 2\n"


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """A watch can begin before the file does."""
    watch = Watch(tmp_path / "later.py")
    try:
        assert isinstance(watch.next(), Missing)
        (tmp_path / "later.py").write_text("x = 1\n")

        assert watch.source() == "x = 1\n"
    finally:
        watch.close()


def test_a_folder_is_watched_in_depth(tmp_path: Path) -> None:
    """A change to any Python file of a folder makes a version; caches and data do not."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "submission.py").write_text("import parts.one\n")
    (tmp_path / "parts" / "one.py").write_text("x = 0\n")
    watch = Watch(tmp_path)
    try:
        watch.next()
        (tmp_path / "parts" / "one.py").write_text("x = 1\n")
        version = watch.next()
        assert isinstance(version, Submission)
        assert version.files["parts/one.py"] == b"x = 1\n"
        (tmp_path / "__pycache__").mkdir()
        (tmp_path / "__pycache__" / "one.py").write_text("x = 3\n")
        (tmp_path / "data.txt").write_text("data\n")
        with pytest.raises(Empty):
            watch.queue.get(timeout=1)
    finally:
        watch.close()


def test_where_nothing_is_reported_the_file_is_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a system without watches left, saves are seen all the same."""

    def refuse(*paths: object, **options: object) -> Iterator[object]:
        raise OSError("inotify limit reached")
        yield

    monkeypatch.setattr("watchfiles.watch", refuse)
    watch = Watch(path)
    try:
        assert watch.source() == "x = 0\n"
        path.write_text("x = 1\n")

        assert watch.source() == "x = 1\n"
    finally:
        watch.close()
