"""The known mistakes that a class made, and how often."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kdtutor.grading.records.record import Record


@dataclass(frozen=True)
class Misconception:
    """A known mistake that matched. attempts: learners who handed in something for the exercise and were graded."""

    exercise: str
    mistake: str
    learners: tuple[str, ...]
    attempts: int


def misconceptions(records: Sequence[Record]) -> list[Misconception]:
    """The known mistakes in a class's records, the most frequent first."""
    made: dict[tuple[str, str], list[str]] = {}
    attempts = Counter(
        check.name
        for record in records
        for check in record.checks
        if check.verdict not in ("not-attempted", "not-graded")
    )
    for record in records:
        for check in record.checks:
            if check.mistake:
                made.setdefault((check.name, check.mistake), []).append(record.learner)
    found = [
        Misconception(exercise, mistake, tuple(learners), attempts[exercise])
        for (exercise, mistake), learners in made.items()
    ]
    return sorted(found, key=lambda each: (-len(each.learners), each.exercise, each.mistake))
