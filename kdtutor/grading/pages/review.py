"""Who needs a person's look, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdtutor.grading.pages.next_steps import nothing_could_be_read
from kdtutor.grading.records.record import Record


@dataclass(frozen=True)
class Review:
    """A learner whose grading is not settled. quotes: whether `why` quotes something that may name the learner."""

    learner: str
    why: str
    quotes: str = ""


def reviews(records: Sequence[Record], refused: Mapping[str, str], other_versions: Sequence[Record]) -> list[Review]:
    """Everybody whose record is unsettled, not believed, or of another version of the unit; by name."""
    found = [Review(learner, "The record is not believed.", why) for learner, why in refused.items()]
    found += [
        Review(record.learner, "Graded against another version of the unit: grade again.") for record in other_versions
    ]
    for record in records:
        if record.status == "graded":
            continue
        if nothing_could_be_read(record):
            found.append(Review(record.learner, "No check could be graded.", record.checks[0].message))
        else:
            left = {check.name: check.message for check in record.checks if check.verdict == "not-graded"}
            why = f"Not graded: {', '.join(left)}." if left else "The record says so."
            found.append(Review(record.learner, why, "\n".join(dict.fromkeys(left.values()))))
    return sorted(found, key=lambda each: each.learner)
