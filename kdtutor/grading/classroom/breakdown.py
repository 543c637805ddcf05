"""When the grader itself breaks down over a submission: no fault of the learner's, and no points lost for good."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Check, Record, fingerprint, secret_for, sign

if TYPE_CHECKING:
    from kdtutor.grading.assignment import Assignment
    from kdtutor.grading.classroom.unchanged import Grounds

BROKE_DOWN = "Not graded, because the grader broke down: "
TOOK_TOO_LONG = "Not graded, because it took too long: "


@dataclass(frozen=True)
class Breakdown:
    """Why there is no verdict. lasting: it lay in the submission's own waiting, and trying again would not help."""

    reason: str
    lasting: bool = False


def record_of_breakdown(
    breakdown: Breakdown, submission: Submission, assignment: "Assignment", grounds: "Grounds"
) -> Record:
    """The signed record of a submission that could not be graded: nothing earned, for a person to look at."""
    message = f"{TOOK_TOO_LONG if breakdown.lasting else BROKE_DOWN}{breakdown.reason}."
    data = submission.data
    record = Record(
        learner=submission.learner,
        unit=assignment.unit,
        status="needs-review",
        checks=[
            Check(assignment.in_records(name), points, "not-graded", message=message)
            for name, points in assignment.points.items()
        ],
        repairs=(),
        sandbox=min(grounds.tiers),
        seed=fingerprint(secret_for(grounds.key, submission.learner, assignment.unit)),
        versions=grounds.versions,
        submission_sha256=None if data is None else hashlib.sha256(data).hexdigest(),
        assignment_sha256=assignment.sha256,
    )
    return sign(record, grounds.key)


def broke_down(record: Record) -> bool:
    """Whether the record tells of a breakdown, so that grading again may end otherwise."""
    return any(check.verdict == "not-graded" and check.message.startswith(BROKE_DOWN) for check in record.checks)
