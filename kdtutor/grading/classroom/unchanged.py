"""Which records still stand, so that a second run grades only what changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdtutor.grading.classroom.breakdown import broke_down
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.class_records import believed
from kdtutor.grading.records.record import Record, RecordError, record_path


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on, the submission apart. tiers: the sandboxes that grade now."""

    unit: str
    assignment_sha256: str
    versions: Mapping[str, str]
    tiers: frozenset[str]
    key: bytes

    def standing(self, submission: Submission, records: Path) -> Record | None:
        """The learner's record, if this course signed it and grading again would find the same; None otherwise.

        A record of a breakdown of the grader never stands.
        """
        try:
            path = record_path(records, self.unit, submission.learner)
            record = believed(path, self.unit, submission.learner, self.key)
        except (RecordError, OSError):
            return None
        same = (
            record.assignment_sha256 == self.assignment_sha256
            and dict(record.versions) == dict(self.versions)
            and record.sandbox in self.tiers
            and _is_of(record, submission)
        )
        return record if same and not broke_down(record) else None


def _is_of(record: Record, submission: Submission) -> bool:
    if submission.data is None:
        told = {check.message for check in record.checks}
        return record.submission_sha256 is None and told == {submission.problem}
    return record.submission_sha256 == hashlib.sha256(submission.data).hexdigest()
