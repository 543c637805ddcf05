"""The record of one graded submission: what was found, check by check, on what grounds, and signed.

The same submission, assignment, versions and key give the same record but for `seconds`, and `evidence()` leaves those
out: two gradings agree when their evidence is equal, byte for byte. The signature covers the evidence alone, so it is
the same in both; times are a help, no proof.
"""

import hmac
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from kdtutor.grading.records.canonical_json import canonical, strict_object
from kdtutor.grading.records.course_key import course_key, fingerprint, secret_for, signature_of
from kdtutor.grading.records.names import readable
from kdtutor.grading.records.record_rules import (
    RecordError,
    require_fields,
    require_measured,
    require_name,
    require_number,
    require_one_of,
    require_pattern,
    require_same,
    require_text,
)

__all__ = [
    "Check",
    "Record",
    "RecordError",
    "course_key",
    "fingerprint",
    "read_record",
    "record_path",
    "secret_for",
    "sign",
    "verify",
    "write_record",
]

STATUSES = ("graded", "needs-review")
VERDICTS = ("passed", "failed", "not-attempted", "error", "timeout", "not-graded")
TIERS = ("bubblewrap", "landlock", "none")
LONGEST_TEXT = 4000  # characters of a message
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Check:
    """One check and what became of it.

    name: the exercise's. mistake: the known mistake that a failed check recognised. message: what the learner reads,
    with halves of surrogate pairs replaced and cut at 4000 characters. seconds: CPU time, to the millisecond.
    measured: numbers that the test cell measured, by name; times may be among them, so they are no evidence either.
    """

    name: str
    points: float
    verdict: str
    mistake: str | None = None
    message: str = ""
    seconds: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name("name", self.name)
        require_number("points", self.points)
        require_one_of("verdict", self.verdict, VERDICTS)
        require_number("seconds", self.seconds)
        require_text("message", self.message)
        if self.mistake is not None:
            require_text("mistake", self.mistake)
            if self.verdict != "failed" or not self.mistake:
                raise RecordError(f"mistake is {self.mistake!r} at verdict {self.verdict}: only a failed check has one")
        if self.verdict != "passed" and not self.message.strip():
            raise RecordError(
                f"message of {self.name} is empty at verdict {self.verdict}: points are lost for a reason"
            )
        require_measured(self.measured)
        _set(self, measured={name: float(self.measured[name]) for name in sorted(self.measured)})
        _set(self, points=float(self.points), seconds=round(float(self.seconds), 3), message=_bounded(self.message))
        if self.mistake is not None:
            _set(self, mistake=_bounded(self.mistake))

    @property
    def earned(self) -> float:
        """All points for a check that passed, none for anything else: a point needs positive evidence."""
        return self.points if self.verdict == "passed" else 0.0


@dataclass(frozen=True)
class Record:
    """The record of a learner's unit.

    status: "graded" leaves no check not-graded. sandbox: the tier that the learner's code ran in. seed: the
    `fingerprint` of the secret that the inputs came from. versions: of what graded (kdtutor, python, torch, …).
    submission_sha256: None where there was no file to read; such a record needs review. signature: None until `sign`.
    """

    learner: str
    unit: str
    status: str
    checks: Sequence[Check]
    repairs: Sequence[str]
    sandbox: str
    seed: str
    versions: Mapping[str, str]
    submission_sha256: str | None
    assignment_sha256: str
    signature: str | None = None

    def __post_init__(self) -> None:
        require_name("learner", self.learner)
        require_name("unit", self.unit)
        require_one_of("status", self.status, STATUSES)
        require_one_of("sandbox", self.sandbox, TIERS)
        require_pattern("seed", self.seed, _FINGERPRINT, "16 hexadecimal digits")
        require_pattern("assignment_sha256", self.assignment_sha256, _SHA256, "64 hexadecimal digits")
        if self.submission_sha256 is not None:
            require_pattern("submission_sha256", self.submission_sha256, _SHA256, "64 hexadecimal digits")
        if self.signature is not None:
            require_pattern("signature", self.signature, _SHA256, "64 hexadecimal digits")
        if isinstance(self.repairs, str):
            raise RecordError("repairs is one text: a sequence of sentences is needed")
        _set(self, checks=tuple(self.checks), repairs=tuple(self.repairs))
        self._require_consistent_checks()
        for sentence in self.repairs:
            require_text("a repair", sentence)
        _set(self, repairs=tuple(_bounded(sentence) for sentence in self.repairs))
        if not isinstance(self.versions, Mapping):
            raise RecordError(f"versions is a {type(self.versions).__name__}: names and their versions are needed")
        for name, version in self.versions.items():
            require_name("a name in versions", name)
            require_text(f"the version of {name}", version)
        _set(self, versions={name: _bounded(self.versions[name]) for name in sorted(self.versions)})

    def _require_consistent_checks(self) -> None:
        for check in self.checks:
            if not isinstance(check, Check):
                raise RecordError(f"checks holds a {type(check).__name__}: each is a Check")
        names = [check.name for check in self.checks]
        for name in names:
            if names.count(name) > 1:
                raise RecordError(f"checks holds {name} {names.count(name)} times: each check counts once")
        open_checks = [check.name for check in self.checks if check.verdict == "not-graded"]
        if self.status == "graded" and open_checks:
            raise RecordError(f"status is graded, and {', '.join(open_checks)} is not: that needs review")
        if self.submission_sha256 is None and self.status == "graded":
            raise RecordError("status is graded without a submission: that needs review")
        if self.submission_sha256 is None and self.score:
            raise RecordError(f"score is {_number(self.score)} without a submission: nothing can have passed")

    @property
    def score(self) -> float:
        return math.fsum(check.earned for check in self.checks)

    @property
    def max_score(self) -> float:
        return math.fsum(check.points for check in self.checks)

    def evidence(self) -> bytes:
        """Canonical JSON of all that the same grading must find again: everything but `seconds` and the signature."""
        content = self._content()
        for check in content["checks"]:
            del check["seconds"]
            check.pop("measured", None)
        del content["signature"]
        return canonical(content)

    def to_json(self) -> bytes:
        """Canonical JSON, UTF-8: sorted keys, no blanks, one newline at the end, whole numbers without a point."""
        return canonical(self._content())

    def _content(self) -> dict[str, Any]:
        content = {each.name: getattr(self, each.name) for each in fields(self)}
        content["score"], content["max_score"] = _number(self.score), _number(self.max_score)
        content["repairs"] = list(self.repairs)
        content["checks"] = [
            {key: value for key, value in asdict(check).items() if key != "measured" or value}
            | {"points": _number(check.points), "earned": _number(check.earned), "seconds": _number(check.seconds)}
            for check in self.checks
        ]
        return content

    @classmethod
    def from_json(cls, data: bytes) -> "Record":
        """The record in these bytes. RecordError, in words, for anything that `to_json` would not have written.

        Unknown, missing and doubled fields are refused, impossible values, a score that is not the checks' sum, and a
        record without a signature. Whether the signature is right, `verify` says.
        """
        try:
            content = strict_object(data)
        except ValueError as error:
            raise RecordError(str(error)) from None
        require_fields("the record", content, {each.name for each in fields(cls)} | {"score", "max_score"})
        if not isinstance(content["checks"], list) or not isinstance(content["repairs"], list):
            raise RecordError("checks and repairs have to be lists")
        wanted = {each.name for each in fields(Check)} - {"measured"} | {"earned"}
        for number, check in enumerate(content["checks"], 1):
            optional = {"measured"} if isinstance(check, dict) and "measured" in check else set()
            require_fields(f"check {number}", check, wanted | optional)
        if content["signature"] is None:
            raise RecordError("signature is missing: the record was never signed")
        derived = {"score", "max_score"}
        checks = [Check(**{key: check[key] for key in check if key != "earned"}) for check in content["checks"]]
        record = cls(**{key: content[key] for key in content if key not in derived} | {"checks": checks})
        require_same(content, json.loads(record.to_json()), "")
        return record


def sign(record: Record, key: bytes) -> Record:
    """The record with its signature under the course's key."""
    return replace(record, signature=signature_of(key, record.evidence()))


def verify(record: Record, key: bytes) -> bool:
    """Whether the record's evidence is what was signed with this key; an unsigned record's is not."""
    return record.signature is not None and hmac.compare_digest(record.signature, signature_of(key, record.evidence()))


def record_path(records: Path, unit: str, learner: str) -> Path:
    """`<records>/<unit>/<learner>.json`; RecordError for a name that would lead elsewhere."""
    require_name("unit", unit)
    require_name("learner", learner)
    return records / unit / f"{learner}.json"


def read_record(path: Path) -> Record:
    """The record in a file. RecordError where it holds none, OSError where there is no reading it."""
    try:
        return Record.from_json(path.read_bytes())
    except RecordError as error:
        raise RecordError(f"{path.name}: {error}") from None


def write_record(record: Record, path: Path) -> None:
    """Put a signed record in its place: whole or not at all, whatever interrupts; its folder is made.

    RecordError for an unsigned one. After an OSError (a full disk) the file that was there is as it was.
    """
    if record.signature is None:
        raise RecordError("signature is missing: only a signed record is written")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".record.")
    try:
        with open(descriptor, "wb") as file:
            file.write(record.to_json())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _bounded(text: str) -> str:
    whole = readable(text)
    return whole if len(whole) <= LONGEST_TEXT else f"{whole[: LONGEST_TEXT - 1]}…"


def _set(instance: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(instance, name, value)
