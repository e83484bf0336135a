"""The file sealed.age: the hidden files of a challenge as a plain tar, encrypted with age.

`age --decrypt -i KEY sealed.age | tar x` opens it without the kit. What lies beside it stays public:
challenge.toml, brief.md, the stub, and rig.py, which runs in the worker, where every hand-in can read it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from grader import archives
from grader.errors import ChallengeError, FileExistsAlreadyError, SealedError, UsageError
from grader.submission import MAX_BYTES, SKIPPED

FILE: Final = "sealed.age"
HIDDEN: Final = ("specs", "wrong", "solution.py", "known_mistakes.json")
STUB: Final = "starter.py"
PUBLIC: Final = ("challenge.toml", "brief.md", "rig.py", STUB)
BOUNDS: Final = archives.Bounds(members=2000, total=32 << 20, depth=8)
MAX_SEALED: Final = BOUNDS.total + (1 << 20)
INSTALL: Final = "pip install 'pytorch-challenge-kit[seal]'"


def is_sealed(folder: Path) -> bool:
    """Whether a challenge folder has its specs only inside sealed.age."""
    return (folder / FILE).is_file() and not (folder / "specs").is_dir()


def pack(folder: Path) -> bytes:
    """Return the hidden files of a plain challenge folder as a tar: the same files, the same bytes.

    Raises ChallengeError where a file is none, or too large to be unpacked again.
    """
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in hidden_files(folder):
            data = _contents(path)
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    if len(file.getvalue()) > BOUNDS.total:
        raise ChallengeError(f"{folder}: more than {BOUNDS.total >> 20} MiB cannot be sealed.")
    return file.getvalue()


def hidden_files(folder: Path) -> list[Path]:
    """Return the files that are sealed, by name."""
    found = [folder / name for name in HIDDEN if not (folder / name).is_dir()]
    for name in HIDDEN:
        found += [path for path in (folder / name).rglob("*") if not path.is_dir()]
    # Links among them are refused when they are read.
    there = [path for path in found if os.path.lexists(path)]
    return sorted(path for path in there if not _is_passed_over(path.relative_to(folder)))


def _is_passed_over(path: Path) -> bool:
    return any(part.startswith(".") or part in SKIPPED for part in path.parts)


def _contents(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise ChallengeError(f"{path} is a link or no file, and cannot be sealed.")
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise ChallengeError(f"{path} is larger than {MAX_BYTES >> 20} MiB, and cannot be sealed.")
    return data


def unpack(tar: bytes, source: Path, folder: Path) -> None:
    """Write what `pack` returned into an empty folder. `source`: the sealed file, for errors.

    Raises ChallengeError where it holds anything but the hidden files of a challenge.
    """
    try:
        archives.unpack_tar(tar, source, folder, BOUNDS)
    except UsageError as error:
        raise ChallengeError(str(error)) from None
    strange = sorted(path.name for path in folder.iterdir() if path.name not in HIDDEN)
    if strange:
        raise ChallengeError(f"{source} holds {strange[0]!r}, which is no hidden file.")
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            name = path.relative_to(folder)
            raise ChallengeError(f"{source}: {name} in it is larger than {MAX_BYTES >> 20} MiB.")


def listing(tar: bytes) -> dict[str, bytes]:
    """Return the files of a tar by name, without writing any of them."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            files = [(info.name, archive.extractfile(info)) for info in archive if info.isreg()]
            return {name: file.read() for name, file in files if file}
    except tarfile.TarError as error:
        raise ChallengeError(f"What is in {FILE} is no archive: {error}.") from None


def stub(folder: Path) -> Path:
    """Return where the stub of a challenge lies, or should lie."""
    own = folder / STUB
    return own if own.is_file() else folder.parent.parent / "starter" / f"{folder.name}.py"


def public_file(folder: Path, name: str) -> Path:
    """Return where one of PUBLIC lies: the stub may be outside the folder, the others never are."""
    return stub(folder) if name == STUB else folder / name


def copy_public(folder: Path, target: Path) -> None:
    """Copy what is public of a challenge, all of it into the one folder."""
    for name in PUBLIC:
        path = public_file(folder, name)
        if path.is_file():
            shutil.copyfile(path, target / name)


def new_identity() -> tuple[str, str]:
    """Return a new age identity, as the text of a key file, and its public recipient."""
    identity = _age().x25519.Identity.generate()
    recipient = str(identity.to_public())
    return f"# public key: {recipient}\n{identity}\n", recipient


def encrypt(data: bytes, recipients: Sequence[str]) -> bytes:
    """Encrypt to one or more recipients `age1…`; raises UsageError where one is none."""
    age = _age()
    known = []
    for text in recipients:
        try:
            known.append(age.x25519.Recipient.from_str(text))
        except age.RecipientError:
            # Perhaps the secret key by mistake, so it is not repeated.
            raise UsageError("--to takes a recipient as keygen prints it: age1…") from None
    sealed: bytes = age.encrypt(data, known)
    return sealed


def decrypt(path: Path, text: str, where: str) -> bytes:
    """Return the tar in a sealed file. `text`: identities as in a key file; `where`: its name in errors.

    Raises UsageError where there is no identity in the text, SealedError where none of them fits, and
    ChallengeError where the file is damaged or cut off. No error quotes the text.
    """
    age = _age()
    identities = _identities(age, text, where)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SEALED + 1)
    except OSError as error:
        raise ChallengeError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_SEALED:
        raise ChallengeError(f"{path} is larger than {MAX_SEALED >> 20} MiB.")
    try:
        plain: bytes = age.decrypt(data, identities)
    except age.DecryptError as error:
        # The library has one exception; only its words tell these two apart.
        if "No matching keys" in str(error):
            raise SealedError(
                f"The key in {where} does not open {path}: it was sealed to others, or is damaged. "
                "Take the key of one of its recipients, or have it sealed again to yours as well."
            ) from None
        raise ChallengeError(
            f"{path} is damaged or cut off, so nothing of it is used. Fetch it again."
        ) from None
    return plain


def _identities(age: Any, text: str, where: str) -> list[Any]:
    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [age.x25519.Identity.from_str(s) for s in lines if s and not s.startswith("#")]
    except age.IdentityError:
        found = []
    if not found:
        raise UsageError(
            f"{where} holds no age identity (AGE-SECRET-KEY-1…). `grader seal keygen` makes one."
        )
    return found


def write_new(path: Path, data: bytes, mode: int, force: bool = False) -> None:
    """Write a file whole or not at all; raises FileExistsAlreadyError, unless `force`."""
    if os.path.lexists(path) and not force:
        raise FileExistsAlreadyError(f"{path} already exists. Nothing was changed.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _age() -> Any:
    try:
        return importlib.import_module("pyrage")
    except ImportError:
        raise UsageError(f"Sealed challenges need the package pyrage: {INSTALL}") from None
