"""What had to be put right in a submission, one sentence each, for the learner."""

from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from kdtutor.grading.handed_in.cell_roles import called, grade_id, is_experiment, is_locked, is_solution
from kdtutor.grading.handed_in.recognition import Match, same_text
from kdtutor.grading.handed_in.submitted_cells import SubmittedCell

KINDS = ("code", "markdown", "raw")


def sentences(released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell], match: Match) -> Iterator[str]:
    """One sentence for each named cell that was mended, and one for each kind of thing that befell the others."""
    for i, cell in enumerate(released):
        if i in match.of_released:
            yield from _of_found_cell(i, cell, submitted[match.of_released[i]], match)
        elif grade_id(cell):
            yield f"{called(cell)} was missing or empty: it is back as it was handed out."
    missing = sum(i not in match.of_released and not grade_id(cell) for i, cell in enumerate(released))
    if missing:
        yield f"{many(missing, 'cell')} that came with the unit had gone or could not be recognised: put back."
    order = [match.of_submitted[j] for j in sorted(match.of_submitted)]
    if order != sorted(order):
        yield "Cells of the unit had been moved: they are back in the unit's order."
    graded = {grade_id(cell) for cell in released}
    strange = sum(cell.grade_id is not None and cell.grade_id not in graded for cell in submitted)
    if strange:
        yield f"{many(strange, 'cell')} carried marks that mean nothing in this unit: taken as your own."
    changed = sum(
        is_experiment(released[i]) and not is_locked(released[i]) and not same_text(submitted[j], released[i])
        for i, j in match.of_released.items()
    )
    if changed:
        yield f"{many(changed, 'experiment')} had been changed: grading runs no experiment, so nothing may rest on one."


def _of_found_cell(i: int, cell: NotebookNode, found: SubmittedCell, match: Match) -> Iterator[str]:
    retyped = found.kind != cell.cell_type
    if is_locked(cell) and (retyped or not same_text(found, cell)):
        yield f"{called(cell)} is read-only: what was changed in it has been undone."
    elif retyped and not is_locked(cell):
        kind = f"a {found.kind} cell" if found.kind in KINDS else "a cell of another kind"
        yield f"{called(cell)} had been turned into {kind}: it is a {cell.cell_type} cell again."
    if i in match.by_definition:
        yield f"{called(cell)} had lost its marks: it was recognised by what it defines."
    if match.copies[i]:
        counts = "the first that you worked on" if is_solution(cell) else "the one that was handed out"
        yield f"{called(cell)} stood there {match.copies[i]} times: {counts} counts, the others are cells of your own."


def many(count: int, things: str) -> str:
    return f"One {things}" if count == 1 else f"{count} {things}s"
