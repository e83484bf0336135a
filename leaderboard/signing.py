"""Signatures of records: Ed25519 over the canonical encoding, made by the trusted side.

What is signed is the record as `encode` writes it, with the signature null, behind a prefix that names the
purpose and the schema: a signature holds for nothing else. A private key is 32 random bytes, and its public
key tells anybody who made a record, and that nothing in it has changed since.

The package is PyNaCl, of the Python Cryptographic Authority, a thin cover of libsodium.
"""

import base64
import binascii
import importlib
import re
import secrets
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from leaderboard.errors import SigningError
from leaderboard.score import SCHEMA, Score, encode

State = Literal["signed", "unsigned", "forged"]
"""`forged`: it has a signature, which none of the keys has made for this record."""

SECRET: Final = "ed25519-secret:"
PUBLIC: Final = "ed25519-public:"
SIGNATURE: Final = "ed25519:"
DOMAIN: Final = f"pytorch-challenge-kit score {SCHEMA}\0".encode()
KEY_BYTES: Final = 32
INSTALL: Final = "pip install 'pytorch-challenge-kit[seal]'"


def new_key() -> tuple[str, str]:
    """A new key: the text of a key file, and its public key."""
    text = SECRET + _text(secrets.token_bytes(KEY_BYTES))
    public = public_key(text)
    return f"# public key: {public}\n{text}\n", public


def public_key(text: str) -> str:
    """The public key that belongs to the text of a key file; raises `SigningError`."""
    return PUBLIC + _text(bytes(_signer(text).verify_key))


def sign(score: Score, text: str) -> Score:
    """The record with a signature by the key, in place of any that it has; raises `SigningError`."""
    made = _signer(text).sign(payload(score)).signature
    return msgspec.structs.replace(score, signature=SIGNATURE + _text(made))


def state(score: Score, keys: Sequence[str]) -> State:
    """What the signature of a record is worth by some public keys; raises `SigningError`."""
    verifiers = [_verifier(key) for key in keys]
    if score.signature is None:
        return "unsigned"
    made = _bytes(score.signature, SIGNATURE)
    holds = made is not None and any(_holds(one, payload(score), made) for one in verifiers)
    return "signed" if holds else "forged"


def payload(score: Score) -> bytes:
    """What is signed of a record."""
    return DOMAIN + encode(msgspec.structs.replace(score, signature=None))


def check_public(key: str) -> None:
    """Raise `SigningError` unless the text is that of a public key."""
    data = _bytes(key, PUBLIC)
    if data is None or len(data) != KEY_BYTES:
        # Perhaps the secret one by mistake, so it is not repeated.
        raise SigningError(f"a public key is {PUBLIC}… as `grader scores keygen` prints it")


def _holds(verifier: Any, data: bytes, made: bytes) -> bool:
    try:
        verifier.verify(data, made)
    except (_nacl("nacl.exceptions").BadSignatureError, ValueError):
        return False
    return True


def _signer(text: str) -> Any:
    lines = [line.strip() for line in text.splitlines()]
    found = [_bytes(line, SECRET) for line in lines if line and not line.startswith("#")]
    if len(found) != 1 or found[0] is None or len(found[0]) != KEY_BYTES:
        raise SigningError(
            f"The signing key is none: one line {SECRET}… as `grader scores keygen` writes it."
        )
    return _nacl("nacl.signing").SigningKey(found[0])


def _verifier(key: str) -> Any:
    check_public(key)
    return _nacl("nacl.signing").VerifyKey(_bytes(key, PUBLIC))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str, prefix: str) -> bytes | None:
    """The bytes behind a prefix; None where there are none, or the text is not the only one for them."""
    body = text.removeprefix(prefix)
    if not text.startswith(prefix) or not re.fullmatch(r"[A-Za-z0-9_-]+", body):
        return None
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        return None
    return data if _text(data) == body else None


def _nacl(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SigningError(f"Signatures need the package PyNaCl: {INSTALL}") from None
