"""A challenge folder as data: challenge.toml, the list of specs with their points, the look-up.

Nothing here imports a spec or torch.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from grader import sealed, spec_list
from grader.errors import ChallengeError, SealedError, UnknownChallengeError
from grader.spec_list import MAX_SCORE, Spec
from leaderboard.score import Order

# Read from challenge.toml only; msgspec's error says which field, and what it has to be.
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Points = Annotated[int, msgspec.Meta(ge=1, le=MAX_SCORE)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a hand-in may use. The defaults are generous for a function that runs in milliseconds.

    wall_s, cpu_s, call_s in seconds; memory_mb (whole process tree) and file_mb in MiB;
    output_kb in KiB is how much of the prints is kept.
    """

    wall_s: Seconds = 60.0
    cpu_s: Seconds = 120.0
    memory_mb: Count = 4096
    processes: Count = 64
    open_files: Count = 256
    file_mb: Count = 64
    output_kb: Count = 64
    call_s: Seconds = 10.0
    threads: Count = 1


class MetricRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number that a challenge measures beside points."""

    name: str
    order: Order
    precision: int = 4


class TrainRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds that a hand-in may train."""

    seconds: Seconds


class VerifyRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How `verify` treats the challenge: tamperings that are exempt, each with the reason."""

    exempt: dict[str, str] = {}
    train_seconds: Seconds | None = None


class _Toml(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    slug: str
    title: str
    guide: str
    summary: str
    names: Names
    imports: tuple[str, ...] = ()
    workers: int = 1
    passing: Points = MAX_SCORE
    private: tuple[str, ...] = ()
    limits: Limits = Limits()
    metric: MetricRule | None = None
    train: TrainRule | None = None
    verify: VerifyRule = VerifyRule()


class KnownMistake(msgspec.Struct, frozen=True):
    """What a wrong solution looks like from outside, and the advice for it."""

    name: str
    advice: str
    messages: dict[str, str]
    """Failed spec → first line of its message."""


class Challenge(msgspec.Struct, frozen=True):
    """One challenge: what it is, what a hand-in must define, and its specs in order."""

    folder: Path
    id: str
    slug: str
    title: str
    guide: str
    summary: str
    names: tuple[str, ...]
    imports: tuple[str, ...]
    workers: int
    """2 where what one worker has learnt is scored in another that has seen nothing of it."""
    passing: int
    limits: Limits
    metric: MetricRule | None
    train: TrainRule | None
    verify: VerifyRule
    specs: tuple[Spec, ...]
    sealed_in: Path | None = None
    """Of a sealed challenge, its public folder; `folder` is private and in memory then."""
    closed: str = ""
    """Why a sealed challenge is not open, and what would open it: then it has no specs here."""

    @property
    def key(self) -> str:
        """Folder name: `04_causal_attention`."""
        return f"{self.id}_{self.slug}"

    @property
    def home(self) -> Path:
        """The folder where its author keeps it, also of a sealed one that is open elsewhere."""
        return self.sealed_in or self.folder

    @property
    def solution(self) -> Path:
        """The worked solution."""
        return self.folder / "solution.py"

    @property
    def rig(self) -> Path | None:
        """The helper that runs beside the hand-in, if the challenge has one."""
        path = self.folder / "rig.py"
        return path if path.is_file() else None

    @property
    def brief(self) -> Path:
        """What the learner reads."""
        return self.folder / "brief.md"

    @property
    def file_name(self) -> str:
        """What a hand-in of one file is called, wherever the stub lies: `04_causal_attention.py`."""
        return f"{self.key}.py"

    @property
    def starter(self) -> Path:
        """The stub: beside the brief, or in the `starter/` beside the folder of the challenges."""
        return sealed.stub(self.home)

    @property
    def in_kit(self) -> bool:
        """Whether the kit holds it, so that its number is enough to find it."""
        return self.home.parent == data_folder("challenges")

    @property
    def called(self) -> str:
        """What the command line takes for it: its number, or the path of one that the kit lacks."""
        if self.in_kit:
            return self.id
        here = Path.cwd()
        inside = self.home.is_relative_to(here) and self.home != here
        return shlex.quote(str(self.home.relative_to(here) if inside else self.home))

    @property
    def wrong(self) -> list[Path]:
        """The solutions that are wrong on purpose."""
        return sorted((self.folder / "wrong").glob("*.py"))

    @property
    def known_mistakes_file(self) -> Path:
        """The table that `grader verify --write` makes."""
        return self.folder / "known_mistakes.json"

    def known_mistakes(self) -> list[KnownMistake]:
        """Return the table of known wrong solutions; empty if it has not been written yet."""
        try:
            data = self.known_mistakes_file.read_bytes()
        except FileNotFoundError:
            return []
        return msgspec.json.decode(data, type=list[KnownMistake])

    def check_open(self) -> None:
        """Raise SealedError where this is a sealed challenge that could not be opened."""
        if self.closed:
            raise SealedError(self.closed)

    def specs_sha256(self) -> str:
        """Return the hash of everything that decides a score."""
        self.check_open()
        if not self.solution.is_file():
            raise ChallengeError(f"{self.key} has no solution. Write it: {self.solution}")
        files = [self.folder / "challenge.toml", self.solution, *self.folder.glob("specs/*.py")]
        if self.rig is not None:
            files.append(self.rig)
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()


def data_folder(name: str) -> Path:
    """Return the folder `challenges` or `starter`, from a clone or from an installed wheel."""
    package = Path(__file__).resolve().parent
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name


def all_challenges(on_broken: Callable[[ChallengeError], None] | None = None) -> list[Challenge]:
    """Return every challenge of the kit, by id.

    Raises ChallengeError for one that is broken; with `on_broken`, which is told, without that one.
    """
    found = []
    for path in sorted(data_folder("challenges").glob("[0-9]*_*/challenge.toml")):
        try:
            found.append(load(path.parent))
        except ChallengeError as error:
            if on_broken is None:
                raise
            on_broken(error)
    return found


def after(challenge: Challenge) -> Challenge | None:
    """Return the challenge that comes next in the same folder; None after the last."""
    home = challenge.home.parent
    folders = sorted(path.parent for path in home.glob("[0-9]*_*/challenge.toml"))
    later = [folder for folder in folders if folder.name > challenge.key]
    return load(later[0]) if later else None


def find(wanted: str) -> Challenge:
    """Return the challenge called "05", "5", "tiny_gpt", "05_tiny_gpt" or by the path of its folder.

    Raises UnknownChallengeError with near matches.
    """
    return load(locate(wanted))


def locate(wanted: str) -> Path:
    """Return the folder of the challenge that `find` would load."""
    if (Path(wanted) / "challenge.toml").is_file():
        return Path(wanted).resolve()
    folders = {p.parent.name: p.parent for p in data_folder("challenges").glob("*/challenge.toml")}
    for key, folder in folders.items():
        number, _, slug = key.partition("_")
        if wanted in (key, slug, number) or (wanted.isdigit() and wanted.zfill(2) == number):
            return folder
    names = sorted(folders) + [key.partition("_")[2] for key in folders]
    near = difflib.get_close_matches(wanted, names, n=2)
    did_you_mean = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownChallengeError(
        f"There is no challenge {wanted!r}.{did_you_mean} `grader list` shows them all."
    )


def load(folder: Path) -> Challenge:
    """Read a challenge folder; raises ChallengeError where it is incomplete or contradicts itself.

    A sealed one is opened where there is a key that fits; else it comes without specs, for who only
    wants its brief.
    """
    if not sealed.is_sealed(folder):
        return _read(folder)
    from grader import opening

    try:
        private = opening.opened(folder)
    except SealedError as error:
        return _read(folder, str(error))
    return msgspec.structs.replace(_read(private), sealed_in=folder)


@functools.cache
def _read(folder: Path, closed: str = "") -> Challenge:
    try:
        toml = msgspec.convert(
            tomllib.loads((folder / "challenge.toml").read_text("utf-8")), _Toml, strict=True
        )
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ChallengeError(f"{folder.name}/challenge.toml: {error}") from error
    if toml.workers not in (1, 2):
        raise ChallengeError(f"{folder.name}/challenge.toml: workers is 1 or 2")
    if folder.name != f"{toml.id}_{toml.slug}":
        raise ChallengeError(f"{folder}: the folder must be called {toml.id}_{toml.slug}")
    specs = () if closed else spec_list.read(folder, toml.private)
    own = [name for name in toml.__struct_fields__ if name != "private"]
    fields: dict[str, Any] = {name: getattr(toml, name) for name in own}
    return Challenge(folder=folder, specs=specs, closed=closed, **fields)
