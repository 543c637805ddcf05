"""What to do next, said to a learner from the record of a unit."""

from collections.abc import Iterator

from kdtutor.grading.pages.page import many, number
from kdtutor.grading.records.record import Check, Record

MOST = 3  # steps about single checks: a list that is longer is not begun
# What is nearest to done comes first
ORDER = ("known mistake", "failed", "error", "timeout", "not-attempted")


def next_steps(record: Record, following: str | None = None) -> Iterator[str]:
    """Sentences, the first thing to do first. following: the unit that comes after this one."""
    if nothing_could_be_read(record):
        yield "Save the notebook in JupyterLab, see whether it opens again, and ask whether you may hand in once more."
        yield f"Before handing in, `kdtutor check {record.unit}` says in a minute what grading would say."
        return
    open_checks = sorted((check for check in record.checks if _kind(check) in ORDER), key=_nearness)
    for check in open_checks[:MOST]:
        yield f"`{check.name}` ({many_points(check.points)}): {_advice(check)}"
    if len(open_checks) > MOST:
        yield f"Then {many(len(open_checks) - MOST, 'more check')}, in the notebook's order."
    if any(check.verdict == "not-graded" for check in record.checks):
        yield "What is not graded yet needs nothing from you: a person looks at it."
    if record.repairs:
        yield "Read at the end of this page what had to be put right in your notebook, so that it stays right."
    if open_checks:
        yield f"Before handing in again, `kdtutor check {record.unit}` runs every check as grading does."
    elif all(check.verdict == "passed" for check in record.checks):
        yield f"Every check passed. Go on with {following}." if following else "Every check passed: this unit is done."


def nothing_could_be_read(record: Record) -> bool:
    """Whether no check could be graded, all for one and the same reason."""
    return bool(record.checks) and {c.verdict for c in record.checks} == {"not-graded"} and len(reasons(record)) == 1


def reasons(record: Record) -> set[str]:
    """Why checks were not graded."""
    return {check.message for check in record.checks if check.verdict == "not-graded"}


def many_points(points: float) -> str:
    """ "1 point", "2.5 points"."""
    return f"{number(points)} {'point' if points == 1 else 'points'}"


def _kind(check: Check) -> str:
    return "known mistake" if check.mistake else check.verdict


def _nearness(check: Check) -> int:
    return ORDER.index(_kind(check))


def _advice(check: Check) -> str:
    match _kind(check):
        case "known mistake":
            known = str(check.mistake)[:80]
            return f"a known mistake, “{known}”. Read what is said of it below, mend the cell, run its check again."
        case "failed":
            return (
                f"compare yours with what is said below, by hand on small numbers. `hint({check.name})` helps in steps."
            )
        case "error":
            return (
                "run the notebook from the top (Run › Restart Kernel and Run All Cells): the error shows up there too."
            )
        case "timeout":
            return "it ran too long. Does a loop end, and does a line over whole tensors do the same?"
        case _:
            return f"it is still empty. `hint({check.name})` in the notebook gives three hints, one at a time."
