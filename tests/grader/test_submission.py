"""grader.submission"""

import hashlib
import io
import os
from pathlib import Path

import pytest

from grader.errors import HandInError
from grader.submission import (
    EMPTY_SHA256,
    MAX_BYTES,
    MAX_FILES,
    Submission,
    read,
    unreadable,
    with_helper,
)

STARTER = "90_mini.py"
SOURCE = b"def double(x):\n    return 2 * x\n"


def refusal(source: Path | str) -> str:
    """Return the sentence with which a hand-in is refused."""
    with pytest.raises(HandInError) as caught:
        read(str(source), STARTER)
    return str(caught.value)


def test_file_is_read_as_it_is(tmp_path: Path) -> None:
    """A file gives its name, its bytes, their number and their SHA-256."""
    path = tmp_path / "mine.py"
    path.write_bytes(SOURCE)

    expected = Submission(
        "mine.py", {"mine.py": SOURCE}, hashlib.sha256(SOURCE).hexdigest(), len(SOURCE)
    )
    assert expected == read(str(path), STARTER)


def test_file_needs_no_suffix(tmp_path: Path) -> None:
    """The name of a file says nothing about what is in it."""
    path = tmp_path / "mine.txt"
    path.write_bytes(SOURCE)

    assert read(str(path), STARTER).name == "mine.txt"


def test_standard_input_is_a_file_without_a_name() -> None:
    """`-` is read from standard input and hashes like the same bytes in a file."""
    submission = read("-", STARTER, io.BytesIO(SOURCE))

    assert submission.name == "standard input"
    assert submission.sha256 == hashlib.sha256(SOURCE).hexdigest()


def test_standard_input_has_the_same_limit() -> None:
    """Standard input is not read beyond the limit."""
    endless = io.BytesIO(b"#" * (MAX_BYTES * 3))

    with pytest.raises(HandInError, match="standard input is larger than 1 MiB"):
        read("-", STARTER, endless)
    assert endless.tell() == MAX_BYTES + 1


def test_byte_order_mark_and_crlf_are_text(tmp_path: Path) -> None:
    """What Windows editors write is taken as it is."""
    data = b"\xef\xbb\xbf" + SOURCE.replace(b"\n", b"\r\n")
    path = tmp_path / "mine.py"
    path.write_bytes(data)

    assert read(str(path), STARTER).files == {"mine.py": data}


@pytest.mark.parametrize("main", ["submission.py", STARTER])
def test_folder_gives_the_main_file_first(main: str, tmp_path: Path) -> None:
    """Of a folder the main file comes first, then its other Python files in order."""
    for name in ("a.py", main, "deep/b.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(SOURCE)
    (tmp_path / "data.csv").write_text("1,2\n")

    assert list(read(str(tmp_path), STARTER).files) == [main, "a.py", "deep/b.py"]


def test_submission_py_goes_before_the_starter(tmp_path: Path) -> None:
    """With both names in a folder, submission.py is the hand-in."""
    for name in ("submission.py", STARTER):
        (tmp_path / name).write_bytes(SOURCE)

    assert next(iter(read(str(tmp_path), STARTER).files)) == "submission.py"


def test_current_folder_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder `.` is recorded by its real name."""
    (tmp_path / "submission.py").write_bytes(SOURCE)
    monkeypatch.chdir(tmp_path)

    assert read(".", STARTER).name == tmp_path.name


@pytest.mark.parametrize("skipped", [".venv", "venv", "__pycache__", "node_modules", ".git"])
def test_folders_of_tools_are_passed_over(skipped: str, tmp_path: Path) -> None:
    """Hidden folders and those of tools are no part of a hand-in."""
    (tmp_path / skipped).mkdir()
    (tmp_path / skipped / "large.py").write_bytes(b"#" * MAX_BYTES)
    (tmp_path / "submission.py").write_bytes(SOURCE)

    assert list(read(str(tmp_path), STARTER).files) == ["submission.py"]


def test_folder_is_written_with_its_main_file_renamed(tmp_path: Path) -> None:
    """Written out, the main file is submission.py and helpers keep their places."""
    files = {STARTER: SOURCE, "deep/b.py": b"b = 1\n"}
    Submission.of("mine", files).write(tmp_path / "out")

    assert (tmp_path / "out" / "submission.py").read_bytes() == SOURCE
    assert (tmp_path / "out" / "deep" / "b.py").read_bytes() == b"b = 1\n"


def test_order_of_files_does_not_change_the_hash() -> None:
    """A folder's hash depends on paths and contents, not on the order in which they were found."""
    one = Submission.of("mine", {"a.py": b"1", "b.py": b"2"})
    other = Submission.of("mine", {"b.py": b"2", "a.py": b"1"})

    assert one.sha256 == other.sha256


def test_hash_tells_where_one_file_ends() -> None:
    """Bytes that move from one file to another change the hash."""
    one = Submission.of("mine", {"a.py": b"12", "b.py": b"3"})
    other = Submission.of("mine", {"a.py": b"1", "b.py": b"23"})

    assert one.sha256 != other.sha256


def test_helper_lies_beside_the_file(tmp_path: Path) -> None:
    """with_helper makes the first file the hand-in and keeps the helper's name."""
    for name in ("wrong.py", "solution.py"):
        (tmp_path / name).write_bytes(name.encode())
    submission = with_helper(tmp_path / "wrong.py", tmp_path / "solution.py")

    assert submission.name == "wrong.py"
    assert submission.files == {"wrong.py": b"wrong.py", "solution.py": b"solution.py"}


def test_missing_file_names_what_is_there(tmp_path: Path) -> None:
    """A path where nothing is names the Python files of its folder."""
    (tmp_path / "attention.py").write_bytes(SOURCE)

    assert refusal(tmp_path / "gpt.py").endswith("In that folder: attention.py.")


def test_misspelled_file_names_the_near_match(tmp_path: Path) -> None:
    """A path that is nearly right names the file that may be meant, however many there are."""
    for name in ("a.py", "attention.py", "b.py", "c.py", "d.py", "e.py", "f.py"):
        (tmp_path / name).write_bytes(SOURCE)

    assert refusal(tmp_path / "attentoin.py").endswith("Did you mean attention.py?")


def test_missing_file_in_an_empty_folder_says_how_to_start(tmp_path: Path) -> None:
    """Where there is no Python file at all, the way to one is named."""
    assert "`grader start` makes one" in refusal(tmp_path / "attention.py")


def test_missing_file_in_a_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist either is no different."""
    assert "does not exist" in refusal(tmp_path / "no" / "such" / "attention.py")


def test_folder_without_a_hand_in_names_both_ways_out(tmp_path: Path) -> None:
    """A folder without a main file says what it holds and which names would do."""
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_bytes(SOURCE)
    said = refusal(tmp_path)

    assert "it holds one.py, two.py" in said
    assert f"submission.py or {STARTER}" in said


def test_folder_without_python(tmp_path: Path) -> None:
    """A folder without any Python file says so."""
    (tmp_path / "notes.txt").write_text("soon")

    assert "it holds no Python file" in refusal(tmp_path)


def test_folder_with_too_many_files_is_refused(tmp_path: Path) -> None:
    """A folder that is a whole project is not read through."""
    for number in range(MAX_FILES + 1):
        (tmp_path / f"m{number}.py").write_bytes(SOURCE)

    assert f"more than {MAX_FILES} Python files" in refusal(tmp_path)


def test_folder_as_large_as_too_large_a_file_is_refused(tmp_path: Path) -> None:
    """The limit is on the sum of the files."""
    half = b"#" * (MAX_BYTES // 2) + b"\n"
    for name in ("submission.py", "more.py"):
        (tmp_path / name).write_bytes(half)

    assert "larger than 1 MiB" in refusal(tmp_path)


def test_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    """One MiB is allowed, one byte more is not."""
    path = tmp_path / "mine.py"
    path.write_bytes(b"#" * MAX_BYTES)

    assert read(str(path), STARTER).size == MAX_BYTES
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert "larger than 1 MiB" in refusal(path)


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_file_without_any_text_is_empty(data: bytes, tmp_path: Path) -> None:
    """Nothing, white space alone and a lone byte order mark are an empty hand-in."""
    path = tmp_path / "mine.py"
    path.write_bytes(data)

    assert "mine.py is empty" in refusal(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = 1\ny = '\0'\n", "NUL byte in line 2"),
        (b"\0", "NUL byte in line 1"),
        (b"x = 1\n# gr\xf6\xdfer\n", "line 2 holds the byte 0xf6"),
        ("x = 1\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_placed(data: bytes, words: str, tmp_path: Path) -> None:
    """A NUL byte or a byte that is not UTF-8 is refused with its line."""
    path = tmp_path / "mine.py"
    path.write_bytes(data)

    assert words in refusal(path)


def test_helper_that_is_no_text_is_named(tmp_path: Path) -> None:
    """In a folder the refusal names the file that is meant."""
    (tmp_path / "submission.py").write_bytes(SOURCE)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.py").write_bytes(b"\xff")

    assert refusal(tmp_path).startswith("deep/b.py is not UTF-8")


posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@posix
@pytest.mark.parametrize("target", ["mine.py", "nowhere.py", "."])
def test_symbolic_link_is_refused(target: str, tmp_path: Path) -> None:
    """A link to a file, to nothing or to a folder is refused, not followed."""
    (tmp_path / "mine.py").write_bytes(SOURCE)
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / target)

    assert "is a symbolic link" in refusal(link)


@posix
def test_symbolic_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    """A hand-in cannot have a file of somebody else's copied into its folder."""
    outside = tmp_path / "outside.py"
    outside.write_bytes(b"SECRET = 1\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "submission.py").write_bytes(SOURCE)
    (tmp_path / "mine" / "stolen.py").symlink_to(outside)

    assert "stolen.py is a symbolic link" in refusal(tmp_path / "mine")


@posix
def test_linked_folder_adds_no_file(tmp_path: Path) -> None:
    """A folder that is linked into a hand-in brings nothing with it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_bytes(b"SECRET = 1\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "submission.py").write_bytes(SOURCE)
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "outside")
    try:
        files = list(read(str(tmp_path / "mine"), STARTER).files)
    except HandInError as error:
        files = ["submission.py"] if "symbolic link" in str(error) else [str(error)]

    assert files == ["submission.py"]


@posix
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    """A named pipe is no hand-in; nobody waits for what never comes."""
    path = tmp_path / "pipe.py"
    os.mkfifo(path)

    assert "is not a regular file" in refusal(path)


@posix
def test_pipe_in_a_folder_is_refused_without_waiting(tmp_path: Path) -> None:
    """The same beside a main file."""
    (tmp_path / "submission.py").write_bytes(SOURCE)
    os.mkfifo(tmp_path / "pipe.py")

    assert "pipe.py is not a regular file" in refusal(tmp_path)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    """A file that may not be read says why."""
    path = tmp_path / "mine.py"
    path.write_bytes(SOURCE)
    path.chmod(0)

    assert "mine.py cannot be read: Permission denied" in refusal(path)


def test_path_that_no_system_can_have_is_refused() -> None:
    """A path with a NUL byte, or one that is too long, is refused in words."""
    assert "does not exist" in refusal("a\0b.py")
    assert "a" * 100 in refusal("a" * 5000 + ".py")


@pytest.mark.parametrize(
    ("source", "name"),
    [("-", "standard input"), ("no/such.py", "such.py"), ("..", ".."), ("/", "/"), ("", "")],
)
def test_stand_in_for_what_cannot_be_read(source: str, name: str) -> None:
    """A hand-in that could not be read is recorded by name, with the hash of nothing."""
    assert unreadable(source) == Submission(name, {}, EMPTY_SHA256, 0)
