"""What a unit's hash was when it was last read: reading it takes notebook libraries, whose import takes a second."""

import hashlib
import hmac
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.grading.records.canonical_json import canonical, strict_object
from kdtutor.grading.records.course_key import signature_of
from kdtutor.grading.versions import versions

MEMORY = ".assignment"


def remembered(course: Course, unit: str, folder: Path, key: bytes) -> str | None:
    """The `sha256` of the unit's assignment, if its files are those that `remember` saw; None otherwise."""
    try:
        content = strict_object((folder / MEMORY).read_bytes())
        signature = str(content.pop("signature"))
        if content["built"] != _built(course, unit):
            return None
        return content["sha256"] if hmac.compare_digest(signature, signature_of(key, canonical(content))) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(course: Course, unit: str, folder: Path, key: bytes, sha256: str) -> None:
    """Write it down. Where that is not possible it is read again the next time."""
    with suppress(OSError):
        content = {"built": _built(course, unit), "sha256": sha256}
        content["signature"] = signature_of(key, canonical(content))
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".record.")
        with open(descriptor, "wb") as file:
            file.write(canonical(content))
        os.replace(temporary, folder / MEMORY)


def _built(course: Course, unit: str) -> str:
    """A hash of the two notebooks of the unit and of the code that reads them."""
    digest = hashlib.sha256(versions()["kdtutor"].encode())
    for path in (course.learner_notebook(unit), course.solved_notebook(unit)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
