"""A learner's own run of the checks, told in the terminal. All text is shown as it is: nothing in it is markup."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kdtutor.grading.pages.inert_text import inert
from kdtutor.grading.pages.next_steps import many_points, nothing_could_be_read
from kdtutor.grading.pages.page import number
from kdtutor.grading.pages.verdict_words import SIGNS, in_words
from kdtutor.grading.practice import Practice

COLOURS = {"passed": "green", "failed": "yellow", "error": "red", "timeout": "magenta", "not-graded": "blue"}


def show(practice: Practice, console: Console) -> bool:
    """Print the table of a run; whether every check passed."""
    record = practice.record
    if nothing_could_be_read(record):
        console.print(_plain(record.checks[0].message))
        return False
    table = Table("exercise", "verdict", "points", "what the check says")
    for check in record.checks:
        verdict = Text(inert(f"{SIGNS[check.verdict]} {in_words(check)}"), style=COLOURS.get(check.verdict, ""))
        points = f"{number(check.earned)} of {number(check.points)}"
        table.add_row(_plain(check.name), verdict, points, _plain(check.message))
    console.print(table)
    for repair in record.repairs:
        console.print(_plain(f"Grading would put right: {repair}"))
    for name, written in practice.answers.items():
        console.print(_plain(f"A person will mark {name}" + ("." if written else ": nothing is written yet.")))
    earned = f"{number(record.score)} of {many_points(record.max_score)}"
    console.print(_plain(f"{earned} by the visible checks. Where it counts, hidden tests and other inputs are added."))
    return all(check.verdict == "passed" for check in record.checks)


def _plain(text: str) -> Text:
    return Text(inert(text), overflow="fold")
