"""The course's key: one secret, made on first use, that signs records and makes the inputs of checks unguessable."""

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32
_WRITTEN = re.compile(rb"[0-9a-f]{%d}\n" % (2 * KEY_BYTES))


def course_key(path: Path) -> bytes:
    """The course's key, 32 bytes. Where there is no file yet it is made, readable by its owner alone.

    However many processes ask first, they all get the same key, and none reads half of one: a whole file is linked to
    the name, which only one of them can do. ValueError where the file holds anything else than a key; OSError where
    it can be neither read nor made.
    """
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        _make(path)
        written = path.read_bytes()
    if not _WRITTEN.fullmatch(written):
        raise ValueError(
            f"{path} holds no course key. Put back a copy, or delete it: a new one is made and all is graded anew."
        )
    with suppress(OSError):  # another's file, or a file system without permissions
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    return bytes.fromhex(written.decode())


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(f"{secrets.token_hex(KEY_BYTES)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first, and its key is the course's
            os.link(temporary, path)
    finally:
        os.unlink(temporary)


def secret_for(key: bytes, learner: str, unit: str) -> str:
    """The secret that a learner's fresh inputs for a unit derive from: what KDTUTOR_SECRET is set to while grading.

    HMAC-SHA256 under the course's key, 64 hexadecimal digits: the same at every regrade, and of no use in telling
    another learner's or unit's.
    """
    return _hmac(key, "inputs", json.dumps([learner, unit]).encode())


def fingerprint(secret: str) -> str:
    """16 hexadecimal digits that tell two secrets apart and give neither away: the `seed` of a record."""
    return hashlib.sha256(f"kdtutor seed {secret}".encode()).hexdigest()[:16]


def signature_of(key: bytes, evidence: bytes) -> str:
    """HMAC-SHA256 of a record's evidence, 64 hexadecimal digits."""
    return _hmac(key, "record", evidence)


def _hmac(key: bytes, purpose: str, message: bytes) -> str:
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key has {len(key)} bytes: a course key has {KEY_BYTES}")
    return hmac.new(key, f"kdtutor {purpose}\0".encode() + message, hashlib.sha256).hexdigest()
