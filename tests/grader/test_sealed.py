"""Sealed challenges: what is in the file, who can open it, and what is left of that."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sealing_kit import (
    SECRET,
    Key,
    files_below,
    hidden_lines,
    member,
    seal_into,
    shingles,
    tar_of,
)

from grader import challenge as challenges
from grader import keyring, memory, opening, sealed, sweeping
from grader.challenge import Challenge, all_challenges, find, load
from grader.cli import main
from grader.errors import ChallengeError, GraderFault, SealedError, UsageError
from grader.grading import Attempt, grade
from grader.supervising import judge_environment
from grader.walls import PlainProcess
from leaderboard.signing import SECRET as SECRET_PREFIX
from leaderboard.signing import new_key

KIT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="opened into memory on Linux only")


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    """No key and no open challenge before a test, and none after it."""
    yield
    keyring.forget()
    opening.close()


@pytest.fixture(scope="module")
def key() -> Key:
    """A key."""
    return Key.new()


@pytest.fixture
def public(mini: Challenge, key: Key, tmp_path: Path) -> Path:
    """The public folder of the mini challenge, sealed to the key."""
    return seal_into(mini, tmp_path / "public", key)


@pytest.fixture
def own_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory in which nobody else opens anything."""
    place = Path(tempfile.mkdtemp(dir=memory.folder()))
    monkeypatch.setattr(memory, "places", lambda: [place])
    yield place
    opening.close()
    place.rmdir()


def run(*arguments: object, **variables: str) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    words = [str(one) for one in arguments]
    result = CliRunner(env=variables).invoke(main, words, prog_name="grader")
    keyring.forget()
    return result.exit_code, result.stdout, result.stderr


# What is in the file.


def test_the_inner_archive_depends_on_names_and_contents_alone(
    mini: Challenge, tmp_path: Path
) -> None:
    """The same files give the same bytes, whatever their times and modes; caches are not among them."""
    copy = tmp_path / "copy"
    shutil.copytree(mini.folder, copy)
    for path in copy.rglob("*.py"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    for name in ("specs/__pycache__/x.pyc", "wrong/.hidden.py"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(b"x")

    assert sealed.pack(copy) == sealed.pack(mini.folder)


names = st.lists(
    st.from_regex(r"[a-zäß0-9_]{1,20}( [a-z]{1,3})?", fullmatch=True), min_size=1, max_size=3
)


@settings(max_examples=25)
@given(st.dictionaries(names.map("/".join), st.binary(max_size=2000), max_size=6))
def test_what_was_packed_is_unpacked(tmp_path_factory: pytest.TempPathFactory, files: dict) -> None:
    """Any files below specs come back under their names with their bytes."""
    folder = tmp_path_factory.mktemp("packed")
    for name, data in files.items():
        path = folder / "specs" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    back = tmp_path_factory.mktemp("unpacked")

    sealed.unpack(sealed.pack(folder), Path("sealed.age"), back)

    there = {path.relative_to(back).as_posix(): path for path in back.rglob("*.py")}
    assert {name: path.read_bytes() for name, path in there.items()} == {
        f"specs/{name}.py": data for name, data in files.items()
    }


@pytest.mark.parametrize("challenge", all_challenges(), ids=lambda one: one.id)
def test_a_public_folder_holds_no_line_of_specs_or_solutions(
    challenge: Challenge, key: Key, tmp_path: Path
) -> None:
    """No line that only specs and solutions have is in any file of the public folder."""
    folder = seal_into(challenge, tmp_path, key)
    lines = hidden_lines(challenge)
    everything = b"\n".join(files_below(folder))

    assert len(lines) > 100
    assert {line for line in lines if line in everything} == set()
    assert not any((folder / name).exists() for name in sealed.HIDDEN)


def test_each_recipient_can_open_it(mini: Challenge, tmp_path: Path) -> None:
    """Sealed to two keys, one of them is enough."""
    keys = [Key.new(), Key.new()]
    folder = seal_into(mini, tmp_path, *keys)

    plain = {sealed.decrypt(folder / sealed.FILE, one.text, "key") for one in keys}

    assert plain == {sealed.pack(mini.folder)}


@pytest.mark.parametrize("what", ["link", "large", "pipe"])
def test_what_could_not_be_opened_again_is_not_sealed(what: str, tmp_path: Path) -> None:
    """A link, a file that is too large, or none at all is refused with its path."""
    path = tmp_path / "specs" / "test_x.py"
    path.parent.mkdir()
    if what == "link":
        path.symlink_to("/etc/passwd")
    elif what == "large":
        path.write_bytes(b"x" * (sealed.MAX_BYTES + 1))
    else:
        os.mkfifo(path)

    with pytest.raises(ChallengeError, match=r"test_x\.py"):
        sealed.pack(tmp_path)


def new_key_text() -> str:
    """A signing key, made without the package for signatures."""
    return f"{SECRET_PREFIX}{'A' * 43}"


# Opening it.


@linux
def test_an_open_challenge_is_the_plain_one(mini: Challenge, public: Path, key: Key) -> None:
    """Specs, hash, known mistakes and rig are those of the plain folder; its files lie in memory."""
    os.environ[keyring.KEY] = key.text

    found = find(str(public))

    same = msgspec.structs.replace(found, folder=mini.folder, sealed_in=None)
    assert same == mini
    assert found.specs_sha256() == mini.specs_sha256()
    assert found.known_mistakes() == mini.known_mistakes()
    assert (found.sealed_in, memory.kind(found.folder)) == (public, "tmpfs")
    assert found.folder.stat().st_mode & 0o077 == found.folder.parent.stat().st_mode & 0o077 == 0
    assert load(public).folder == found.folder


@linux
def test_plain_text_goes_when_it_is_closed(public: Path, key: Key) -> None:
    """Closed, nothing is left of the private folder, nor of its lock."""
    os.environ[keyring.KEY] = key.text
    room = find(str(public)).folder.parent

    opening.close()

    assert not room.exists()
    assert not room.with_name(room.name + sweeping.LOCK).exists()


OPENER = """
import sys
from pathlib import Path
from grader.challenge import load
print(load(Path(sys.argv[1])).folder.parent, flush=True)
sys.stdin.read()
"""


@linux
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGKILL", "end"])
def test_plain_text_goes_with_the_process(number: str, public: Path, key: Key) -> None:
    """Asked to end or at its end, a process removes it; after a SIGKILL the next grading does."""
    command = [sys.executable, "-c", OPENER, str(public)]
    environment = {**os.environ, "PYTHONPATH": str(KIT), keyring.KEY: key.text}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        room = Path(process.stdout.readline().strip())
        assert room.is_dir()
        with sweeping.workspace():
            assert room.is_dir()
        if number == "end":
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, number))
        process.wait()
    if number == "SIGKILL":
        with sweeping.workspace():
            pass

    assert not room.exists()


def test_without_a_key_only_grading_is_refused(public: Path, tmp_path: Path) -> None:
    """brief and start need no key; grade and verify say which variable and option they want."""
    assert run("brief", public)[0] == 0
    code, _, err = run("grade", public, "hand_in.py", "--no-save")

    assert code == 2
    assert "90_mini is sealed" in err
    assert keyring.KEY in err
    assert "--key-file" in err
    assert run("verify", public)[0] == 2
    with pytest.raises(SealedError):
        grade(str(tmp_path), Attempt(find(str(public)), "red"))


@linux
def test_verify_wants_the_plain_folder(public: Path, key: Key) -> None:
    """Its hand-ins are solutions, which would come to a disk."""
    code, _, err = run("verify", public, GRADER_KEY=key.text)

    assert code == 2
    assert "verify it where it is plain" in err


@linux
def test_the_next_challenge_is_that_of_the_public_folder(
    mini: Challenge, key: Key, tmp_path: Path
) -> None:
    """What comes after a sealed challenge is looked up where it was sealed."""
    first = seal_into(mini, tmp_path, key)
    shutil.copytree(mini.folder, tmp_path / "91_mini")
    toml = tmp_path / "91_mini" / "challenge.toml"
    toml.write_text(toml.read_text().replace('"90"', '"91"'))
    os.environ[keyring.KEY] = key.text

    following = challenges.after(find(str(first)))

    assert following is not None
    assert following.id == "91"


@linux
def test_a_wall_that_shows_files_is_refused(public: Path, key: Key, tmp_path: Path) -> None:
    """Behind the weak wall without Landlock the hand-in could read the plain text."""
    os.environ[keyring.KEY] = key.text
    (tmp_path / "x.py").write_text("x = 1\n")

    with pytest.raises(UsageError, match="does not hide its specs"):
        grade(str(tmp_path / "x.py"), Attempt(find(str(public)), "red"), PlainProcess(0))


def test_without_memory_to_open_it_in_it_stays_closed(
    public: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on a disk is not used: exit code 4, what is missing, and how to get it."""
    monkeypatch.setattr(memory, "places", lambda: [tmp_path])

    code, _, err = run("grade", public, "x.py", GRADER_KEY=key.text)

    assert code == 4
    assert "Mount a tmpfs" in err
    assert not list(tmp_path.glob("grader-*"))


@linux
def test_a_memory_that_is_full_is_our_fault(
    public: Path, key: Key, own_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room: exit code 4, what to do, and nothing is left."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/dev/shm/x")

    monkeypatch.setattr(sealed, "copy_public", full)

    code, _, err = run("grade", public, "x.py", GRADER_KEY=key.text)

    assert code == 4
    assert "--shm-size" in err
    assert list(own_memory.iterdir()) == []


def test_what_cannot_be_written_is_named(mini: Challenge, key: Key, tmp_path: Path) -> None:
    """A file in the place of a folder: exit code 2 and its name, by every command that writes."""
    (tmp_path / "file").write_text("")
    inside = tmp_path / "file" / "x"
    folder = seal_into(mini, tmp_path, key)

    said = [
        run("seal", "keygen", "--out", inside),
        run("scores", "keygen", "--out", inside),
        run("seal", mini.folder, "--to", key.recipient, "--out", inside),
        run("seal", "open", folder, "--out", inside, GRADER_KEY=key.text),
    ]

    assert [code for code, _, _ in said] == [2, 2, 2, 2]
    assert all(str(tmp_path / "file") in err for _, _, err in said)


def test_a_kit_with_a_sealed_challenge_is_listed_without_a_key(
    mini: Challenge, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """list and start are for learners, who have no key; grade asks for it."""
    seal_into(mini, tmp_path / "challenges", key)
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / f"{mini.key}.py").write_text("# yours\n")
    monkeypatch.setattr(challenges, "data_folder", lambda name: tmp_path / name)

    listed = run("list", "--store", tmp_path / "store")
    started = run("start", "90", "--to", tmp_path / "mine")

    assert (listed[0], started[0]) == (0, 0)
    assert mini.title in listed[1]
    assert run("grade", "90", tmp_path / "mine" / f"{mini.key}.py")[0] == 2


# Keys and files that do not fit.


def broken(data: bytes, how: str) -> bytes:
    """A sealed file that is not what it was."""
    return {
        "cut_in_the_header": data[:100],
        "cut_in_the_text": data[:-20],
        "empty": b"",
        "another_file": b"specs, in plain text",
        "a_bit_of_the_text": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "a_byte_too_many": data + b"\n",
    }[how]


BROKEN = [
    *("cut_in_the_header", "cut_in_the_text", "empty", "another_file"),
    *("a_bit_of_the_text", "a_byte_too_many"),
]


@pytest.mark.parametrize("how", BROKEN)
def test_a_damaged_file_is_our_fault(how: str, public: Path, key: Key) -> None:
    """Whatever has become of the file, nothing of it is used: exit code 4 and its name."""
    file = public / sealed.FILE
    file.write_bytes(broken(file.read_bytes(), how))

    code, out, err = run("grade", public, "x.py", GRADER_KEY=key.text)

    assert (code, out) == (4, "")
    assert f"{file} is damaged or cut off" in err


def test_keys_that_do_not_open_it_are_told_apart(public: Path, tmp_path: Path) -> None:
    """Another's key, text that is no key, and a file that is not there: exit code 2, each in words."""
    (tmp_path / "other.key").write_text(Key.new().text)
    (tmp_path / "none.key").write_text("# only a remark\n")

    def said(name: str) -> tuple[int, str]:
        code, _, err = run("grade", public, "x.py", "--key-file", tmp_path / name)
        return code, err

    other, none, absent = said("other.key"), said("none.key"), said("absent.key")

    assert [other[0], none[0], absent[0]] == [2, 2, 2]
    assert "does not open" in other[1]
    assert "holds no age identity" in none[1]
    assert "cannot be read" in absent[1]


@linux
def test_the_key_comes_from_option_variable_or_file(public: Path, key: Key, tmp_path: Path) -> None:
    """--key-file goes before GRADER_KEY, and that before GRADER_KEY_FILE."""
    own, other = tmp_path / "own.key", tmp_path / "other.key"
    own.write_text(key.text)
    other.write_text(Key.new().text)

    def opens(*words: object, **variables: str) -> bool:
        code, _, err = run(
            "seal", "open", public, "--out", tmp_path / "out", "--force", *words, **variables
        )
        assert code == 0 or "does not open" in err
        return code == 0

    assert opens("--key-file", own, GRADER_KEY=other.read_text())
    assert opens(GRADER_KEY=key.text, GRADER_KEY_FILE=str(other))
    assert opens(GRADER_KEY_FILE=str(own))
    assert not opens("--key-file", other, GRADER_KEY=key.text)


@pytest.mark.parametrize("text", ["AGE-SECRET-KEY-1SHORT", "hunter2", "\0", "age1notasecret"])
def test_no_error_repeats_a_key(text: str, public: Path) -> None:
    """What was given for a key may be one with a slip of the pen: it is not shown."""
    code, out, err = run("grade", public, "x.py", GRADER_KEY=text.replace("\0", "%"))

    assert code == 2
    assert text.replace("\0", "%") not in out + err.replace("AGE-SECRET-KEY-1…", "")


FOLDER = {"type": tarfile.DIRTYPE}
HOSTILE: dict[str, bytes] = {
    "climbs": tar_of(member("specs/../../../climbed.py")),
    "absolute": tar_of(member("/tmp/absolute.py")),
    "link": tar_of(member("specs/a.py", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "hard_link": tar_of(member("specs/a.py", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "device": tar_of(member("specs/a.py", b"", type=tarfile.CHRTYPE)),
    "twice": tar_of(member("specs/a.py"), member("specs/A.py")),
    "another_toml": tar_of(member("challenge.toml")),
    "another_file": tar_of(member("specs/test_a.py"), member("conftest.py")),
    "large": tar_of(member("specs/a.py", b"#" * (sealed.MAX_BYTES + 9))),
    "many": tar_of(*[member(f"specs/d{n}", b"", **FOLDER) for n in range(2001)]),
    "huge": tar_of(*[member(f"specs/{n}.py", b"#" * (1 << 20)) for n in range(33)]),
    "no_tar": b"specs in plain text" * 100,
    "cut": tar_of(member("specs/a.py", b"#" * 5000))[:3000],
    "nothing": b"",
}


@linux
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(
    name: str, mini: Challenge, key: Key, own_memory: Path, tmp_path: Path
) -> None:
    """Anyone can seal to a public recipient: what is inside may not lead out, nor be without end."""
    folder = seal_into(mini, tmp_path / "public", key, tar=HOSTILE[name])

    code, out, err = run("grade", folder, "x.py", GRADER_KEY=key.text)

    assert (code, out) == (4, ""), err
    assert sealed.FILE in err
    assert list(own_memory.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"public"}


# The key.


def test_keygen_makes_a_file_for_one_user(tmp_path: Path) -> None:
    """The secret is in a new file with mode 0600; only the recipient is printed; nothing is replaced."""
    path = tmp_path / "seal.key"

    code, out, err = run("seal", "keygen", "--out", path)

    assert code == 0
    assert out.startswith("age1")
    assert not SECRET.search((out + err).encode())
    assert path.stat().st_mode & 0o777 == 0o600
    secret = path.read_text()
    assert SECRET.search(secret.encode())
    assert run("seal", "keygen", "--out", path)[0] == 2
    assert path.read_text() == secret


LOOKER = """
import os, subprocess, sys
from pathlib import Path
from click.testing import CliRunner
from grader.cli import main
assert CliRunner().invoke(main, ["list", "--store", "nowhere"]).exit_code == 0
names = [name for name in os.environ if name.startswith("GRADER_")]
own = Path("/proc/self/environ").read_bytes() if sys.platform == "linux" else b""
child = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True)
print(names, b"seekrit" in own, b"seekrit" in child.stdout)
"""


def test_the_environment_forgets_the_keys() -> None:
    """After the first command no variable holds a key: not here, not under /proc, not in a child."""
    secrets = {keyring.KEY: "# seekrit", keyring.KEY_FILE: "seekrit"}
    secrets[keyring.SIGNING_KEY] = f"# seekrit\n{new_key()[0]}"
    environment = {**os.environ, "PYTHONPATH": str(KIT), **secrets}
    environment.pop("GRADER_STORE", None)

    done = subprocess.run(
        [sys.executable, "-c", LOOKER], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[] False False"


def test_an_empty_variable_is_none(public: Path) -> None:
    """A CI sets secrets that a job may not have to nothing: they are as good as not there."""
    code, _, err = run("grade", public, "x.py", GRADER_KEY="", GRADER_SIGNING_KEY=" \n")

    assert code == 2
    assert "no key is given" in err


def test_a_judge_inherits_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the kit is used as a library, and nobody has taken the keys out."""
    for name in keyring.NAMES:
        monkeypatch.setenv(name, "secret")

    assert not {name for name in judge_environment() if name.startswith("GRADER_")} & set(
        keyring.NAMES
    )


def test_without_the_packages_the_cure_is_named(
    public: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has installed the kit alone learns what is missing: exit code 2, and the command."""
    for name in ("pyrage", "nacl", "nacl.signing"):
        monkeypatch.setitem(sys.modules, name, None)

    sealed_ = run("grade", public, "x.py", GRADER_KEY=key.text)
    signed = run("grade", "04", "x.py", GRADER_SIGNING_KEY=new_key_text())

    assert (sealed_[0], signed[0]) == (2, 2)
    assert "pip install 'pytorch-challenge-kit[seal]'" in sealed_[2]
    assert "pip install 'pytorch-challenge-kit[seal]'" in signed[2]


# The commands.


@linux
def test_close_check_and_open(mini: Challenge, key: Key, tmp_path: Path) -> None:
    """Sealed, compared, changed, compared again, and opened: the folder comes back as it was."""
    (tmp_path / "key").write_text(key.text)
    plain, out = tmp_path / "plain" / mini.key, tmp_path / "out"
    shutil.copytree(mini.folder, plain, ignore=shutil.ignore_patterns("__pycache__"))
    with_key = ["--key-file", tmp_path / "key"]

    assert run("seal", plain, "--to", key.recipient, "--out", out)[0] == 0
    assert run("seal", "check", plain, "--out", out, *with_key)[:2] == (
        0,
        "90_mini: sealed and plain agree\n",
    )
    assert run("seal", "open", out / mini.key, "--out", tmp_path / "again", *with_key)[0] == 0
    again = {p.relative_to(tmp_path / "again"): p for p in (tmp_path / "again").rglob("*.*")}
    assert {name: path.read_bytes() for name, path in again.items() if path.is_file()} == {
        path.relative_to(plain.parent): path.read_bytes()
        for path in plain.rglob("*.*")
        if path.is_file()
    }
    (plain / "wrong" / "triples.py").unlink()
    (plain / "wrong" / "new.py").write_text("")
    (plain / "solution.py").write_text("# another\n")
    (plain / "rig.py").write_text("# another\n")

    code, said, _ = run("seal", "check", plain, "--out", out, *with_key)

    assert code == 1
    assert said.splitlines() == [
        "90_mini: wrong/new.py is not sealed",
        "90_mini: wrong/triples.py is only in sealed.age",
        "90_mini: solution.py has changed since",
        "90_mini: rig.py is not what lies beside sealed.age",
    ]


def test_open_replaces_nothing_unless_it_is_forced(
    mini: Challenge, key: Key, tmp_path: Path
) -> None:
    """Specs that are there stay; with --force they are what was sealed, and nothing else."""
    folder = seal_into(mini, tmp_path, key)
    (folder / "specs").mkdir()
    (folder / "specs" / "test_mine.py").write_text("my work")

    code, _, err = run("seal", "open", folder, GRADER_KEY=key.text)

    assert code == 2
    assert "--force" in err
    assert (folder / "specs" / "test_mine.py").read_text() == "my work"
    assert run("seal", "open", folder, "--force", GRADER_KEY=key.text)[0] == 0
    assert [path.name for path in (folder / "specs").iterdir()] == ["test_mini.py"]
    assert not list(folder.glob(".*"))


def test_where_specs_are_plain_the_sealed_file_is_not_asked(
    mini: Challenge, key: Key, tmp_path: Path
) -> None:
    """An author's own folder, sealed in place, is graded as it stands, without a key."""
    folder = tmp_path / mini.key
    shutil.copytree(mini.folder, folder)

    assert run("seal", folder, "--to", key.recipient)[0] == 0
    found = load(folder)

    assert (found.folder, found.sealed_in, found.closed) == (folder, None, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seal", "90_nothing", "--to", "{to}"], "There is no challenge"),
        (["seal", "{plain}", "--to", "age1wrong"], "--to takes a recipient"),
        (["seal", "{plain}"], "--to"),
        (["seal", "{public}", "--to", "{to}"], "has no plain specs"),
        (["seal", "open", "{plain}"], "nothing is sealed there"),
    ],
)
def test_wrong_usage_has_words(
    words: list[str], said: str, mini: Challenge, public: Path, key: Key
) -> None:
    """Exit code 2, and what is missing."""
    places = {"plain": mini.folder, "public": public, "to": key.recipient}

    code, _, err = run(*[word.format(**places) for word in words], GRADER_KEY=key.text)

    assert code == 2
    assert said in err


def test_a_secret_given_for_a_recipient_is_not_repeated(mini: Challenge, key: Key) -> None:
    """Who pastes the secret key after --to does not find it in the log of a CI."""
    secret = key.text.splitlines()[1]

    code, out, err = run("seal", mini.folder, "--to", secret)

    assert code == 2
    assert secret not in out + err


def test_shingles_are_there_to_be_found(mini: Challenge) -> None:
    """The plain folder is full of the shingles that the tests look for."""
    everything = b"\n".join(files_below(mini.folder))
    text = b"\n".join(line for line in everything.splitlines() if line.strip())

    assert len(shingles(mini)) > 30
    assert all(shingle in text for shingle in shingles(mini))


def test_sealed_errors_are_what_they_say() -> None:
    """No key is wrong usage; a broken file is our fault."""
    assert issubclass(SealedError, UsageError)
    assert issubclass(ChallengeError, GraderFault)
