"""The notebook with its marks in it: what the formgrader shows and what nbgrader makes feedback from.

It is the rebuilt notebook as learners know it. Under each check stands what the record says of it; the hidden part of
a check is not in it, nor anything that was handed in but the text of cells, and no HTML of a learner's takes effect.
"""

import json
import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from kdtutor.grading.assignment import Assignment
from kdtutor.grading.handed_in.cell_roles import grade_id, is_added, is_check, is_solution
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.handed_in.submission import Unreadable, rebuild
from kdtutor.grading.pages.inert_text import inert
from kdtutor.grading.pages.verdict_words import in_words
from kdtutor.grading.records.record import Check, Record

REPAIRS = "kdtutor-repairs"  # id of the cell that tells them
# What a page or its formulas would act on: a blank of no width keeps it text and lets it read the same
_ACTS = re.compile(r"<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|java(?=script)|vb(?=script)|\\(?=href)", re.IGNORECASE)
_NO_WIDTH = "\u200b"


@dataclass(frozen=True, eq=False)
class Marked:
    """A marked notebook. untouched: grade ids of exercises and answers that nothing was done about.

    read: whether there was a notebook to rebuild; without one it is the released notebook, and nothing is known of it.
    """

    notebook: NotebookNode
    untouched: frozenset[str]
    read: bool


def mark(assignment: Assignment, submission: Submission, record: Record) -> Marked:
    """The marked notebook of a record of this submission and assignment."""
    told, untouched, read = list(record.repairs), frozenset[str](), False
    notebook = deepcopy(assignment.released)
    try:
        if submission.data is None:
            raise Unreadable(submission.problem)
        rebuilt = rebuild(assignment.released, submission.data)
        notebook, untouched, read = rebuilt.notebook, rebuilt.untouched, True
    except Unreadable as problem:
        told.append(str(problem))
    checks = {check.name: check for check in record.checks}
    for cell in notebook.cells:
        if is_check(cell):
            cell.outputs = [output(checks[assignment.in_records(grade_id(cell) or "")])]
        elif cell.cell_type == "markdown" and (is_added(cell) or is_solution(cell)):
            cell.source = harmless(cell.source)
    if told:
        notebook.cells.insert(0, _telling(told))
    notebook.metadata.setdefault("kdtutor", NotebookNode()).update(
        record=record.signature, submission_sha256=record.submission_sha256
    )
    return Marked(notebook, untouched, read)


def heading(check: Check) -> str:
    """What became of a check, in a line: "kd_loss: Not yet (no T²)"."""
    return f"{check.name}: {in_words(check)}"


def output(check: Check) -> NotebookNode:
    """What stands under a check. Only that of a passed one is no error: nbgrader's own rule gives the same points."""
    said = inert(f"{heading(check)}\n{check.message}").rstrip()
    if check.verdict == "passed":
        return new_output("stream", name="stdout", text=f"{said}\n")
    return new_output("error", ename=check.verdict, evalue=inert(check.message), traceback=said.splitlines())


def harmless(markdown: str) -> str:
    """Text that reads the same, without a tag, an entity or a script's address: nbgrader's pages show it as HTML."""
    return _ACTS.sub(rf"\g<0>{_NO_WIDTH}", markdown)


def marked_with(path: Path) -> tuple[str | None, str | None]:
    """Signature of the record and SHA-256 of the submission that the notebook in a file was made from, if it was."""
    try:
        made_from = json.loads(path.read_bytes())["metadata"]["kdtutor"]
        return made_from["record"], made_from["submission_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _telling(sentences: Iterable[str]) -> NotebookNode:
    """A cell whose output says them: text, whatever they quote."""
    text = "".join(f"{inert(sentence)}\n" for sentence in sentences)
    source = "# What had to be put right in this notebook before it could be graded"
    return new_code_cell(source, id=REPAIRS, outputs=[new_output("stream", name="stdout", text=text)])
