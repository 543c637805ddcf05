"""What is graded: the notebook that was handed out, with the learner's text in it and nothing else of theirs.

A submitted notebook is never mended in place. `rebuild` starts from the released notebook and carries over plain
source text: of the exercises, of the answers that a person marks, and of whatever else the learner wrote. Metadata,
tags, outputs and attachments stay behind, so nothing in them can skip, move, replace or forge a check.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

from nbformat import NotebookNode

from kdtutor.grading.handed_in.cell_roles import (
    EXPERIMENT,
    grade_id,
    is_added,
    is_check,
    is_experiment,
    is_locked,
    is_solution,
)
from kdtutor.grading.handed_in.intake import Submission, submissions
from kdtutor.grading.handed_in.recognition import Match, recognise, same_text
from kdtutor.grading.handed_in.repairs import many, sentences
from kdtutor.grading.handed_in.submitted_cells import SubmittedCell, Unreadable, read_cells

__all__ = ["Rebuilt", "Submission", "Unreadable", "rebuild", "submissions"]

MOST_ADDED = 1000  # cells of the learner's own
BEFORE_ALL = -1


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A notebook that is safe to take for the released one, and what it took.

    repairs: one sentence for the learner for each thing that was put right. untouched: grade ids of the exercises and
    answers that nothing was done about: left as they came (or deleted), and no other cell of the learner's mentions
    the name. Cells of the learner's own carry the metadata {"kdtutor": {"added": True}}, and the tag `experiment`
    where they are a changed experiment.
    """

    notebook: NotebookNode
    repairs: tuple[str, ...]
    untouched: frozenset[str]


def rebuild(released: NotebookNode, submitted: bytes) -> Rebuilt:
    """The released notebook with the text that a learner handed in. `released` stays as it was.

    released: a valid notebook of nbformat 4.5 or later, as nbgrader made it. submitted: the bytes of the file that came
    back, any bytes. Raises Unreadable, and nothing else, with a sentence for the learner, where the bytes are no
    notebook or one that holds no exercise and no check of this unit; otherwise:

    - Exercises and answers take the learner's text, found by grade id, else by cell id, else by unchanged text, else
      (exercises) by what a cell defines. Of several cells with one grade id the first that was worked on counts;
      the others become cells of the learner's own.
    - Read-only cells, checks among them, are the released ones; what was written there is dropped.
    - Every other released cell stays too, and where its text was changed, the changed cell follows it.
    - Cells that the learner added stand where they stood, after the same neighbour. Missing cells come back in front
      of them, so that a stub never overwrites work.
    """
    handed_in = read_cells(submitted)
    match = recognise(released.cells, handed_in.cells)
    graded = {i for i, cell in enumerate(released.cells) if grade_id(cell)}
    if graded and not graded & match.of_released.keys():
        raise Unreadable("The notebook holds none of this unit's exercises: is it the notebook of another unit?")
    own, left_out = _own_cells(released.cells, handed_in.cells, match)
    notebook = deepcopy(released)
    notebook.cells = list(_merged(notebook.cells, handed_in.cells, match, own))
    repairs = (*handed_in.repairs, *sentences(released.cells, handed_in.cells, match))
    if left_out:
        repairs += (f"{many(left_out, 'cell')} of your own were left out: at most {MOST_ADDED} are graded.",)
    return Rebuilt(notebook, repairs, _untouched(released.cells, notebook.cells))


def _own_cells(
    released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell], match: Match
) -> tuple[dict[int, list[NotebookNode]], int]:
    """The cells of the learner's own by the released cell that they follow, and how many were too many."""
    taken = {cell.get("id") for cell in released}
    own: dict[int, list[NotebookNode]] = {}
    count, after = 0, BEFORE_ALL
    for j, cell in enumerate(submitted):
        i = match.of_submitted.get(j)
        after = after if i is None else i
        if i is not None and (is_solution(released[i]) or is_locked(released[i]) or same_text(cell, released[i])):
            continue
        count += 1
        if count <= MOST_ADDED:
            name = f"added-{count}"
            while name in taken:
                name += "-"
            skipped = i is not None and is_experiment(released[i])
            own.setdefault(after, []).append(_own_cell(cell, name, skipped=skipped))
    return own, max(0, count - MOST_ADDED)


def _own_cell(cell: SubmittedCell, cell_id: str, *, skipped: bool) -> NotebookNode:
    metadata = NotebookNode(kdtutor=NotebookNode(added=True))
    if skipped:
        metadata.tags = [EXPERIMENT]
    new = NotebookNode(id=cell_id, metadata=metadata, source=cell.source)
    if cell.kind == "code":
        return NotebookNode(new, cell_type="code", outputs=[], execution_count=None)
    return NotebookNode(new, cell_type="markdown")  # a raw cell would reach a page unescaped


def _merged(
    cells: list[NotebookNode],
    submitted: Sequence[SubmittedCell],
    match: Match,
    own: dict[int, list[NotebookNode]],
) -> Iterator[NotebookNode]:
    waiting = list(own.get(BEFORE_ALL, []))
    for i, cell in enumerate(cells):
        if i in match.of_released or is_check(cell):
            yield from waiting
            waiting = []
        if i in match.of_released and is_solution(cell):
            cell.source = submitted[match.of_released[i]].source
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        yield cell
        waiting += own.get(i, [])
    yield from waiting


def _untouched(released: Sequence[NotebookNode], rebuilt: Sequence[NotebookNode]) -> frozenset[str]:
    stubs = {grade_id(cell): cell for cell in released if is_solution(cell)}
    as_they_came = {
        name
        for cell in rebuilt
        if (name := grade_id(cell)) and name in stubs and cell.source.rstrip() == stubs[name].source.rstrip()
    }
    mentioned: set[str] = set()
    for cell in rebuilt if as_they_came else ():
        name = grade_id(cell)
        own_work = is_added(cell) or (name in stubs and name not in as_they_came)
        if own_work and cell.cell_type == "code":
            mentioned.update(re.findall(r"\w+", unicodedata.normalize("NFKC", cell.source)))  # as Python reads names
    return frozenset(as_they_came - mentioned)
