"""The class on a terminal: learners and exercises, scores, and who waits for a person."""

import math
from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from kdtutor.grading.pages.verdict_words import SIGNS, WORDS
from kdtutor.grading.records.record import Check, Record

STYLES = {"passed": "green", "failed": "red", "error": "red", "timeout": "red", "not-graded": "yellow"}


def class_table(records: Sequence[Record]) -> Group:
    """One row a learner, one column an exercise, with what the signs mean; then why somebody needs review."""
    exercises = list(dict.fromkeys(check.name for record in records for check in record.checks))
    table = Table(show_footer=len(records) > 1)
    table.add_column("learner", "passed", no_wrap=True)
    for exercise in exercises:
        passed = sum(
            (exercise, "passed") in ((check.name, check.verdict) for check in record.checks) for record in records
        )
        table.add_column(exercise.replace("_", " "), f"{passed}/{len(records)}", justify="center", overflow="fold")
    mean = math.fsum(record.score for record in records) / max(1, len(records))
    table.add_column("score", f"mean {mean:.3g}", justify="right", no_wrap=True)
    for record in records:
        checks = {check.name: check for check in record.checks}
        signs = (_sign(checks.get(exercise)) for exercise in exercises)
        table.add_row(Text(record.learner), *signs, f"{record.score:g} of {record.max_score:g}")
    return Group(table, _key(records), *_for_review(records))


def _sign(check: Check | None) -> Text:
    return Text(SIGNS[check.verdict], STYLES.get(check.verdict, "")) if check else Text("")


def _key(records: Iterable[Record]) -> Text:
    found = {check.verdict for record in records for check in record.checks}
    return Text("   ").join(
        Text.assemble((SIGNS[verdict], STYLES.get(verdict, "")), f" {words}")
        for verdict, words in WORDS.items()
        if verdict in found
    )


def _for_review(records: Iterable[Record]) -> Iterable[Text]:
    for record in records:
        if record.status == "needs-review":
            reasons = dict.fromkeys(check.message for check in record.checks if check.verdict == "not-graded")
            yield Text.assemble((f"{record.learner} needs review: ", "yellow"), " ".join(reasons) or "no reason given")
