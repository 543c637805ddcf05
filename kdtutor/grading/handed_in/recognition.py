"""Which submitted cell is which cell of the released notebook."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode

from kdtutor.grading.handed_in.cell_roles import grade_id, is_solution
from kdtutor.grading.handed_in.submitted_cells import SubmittedCell, defined_names


@dataclass
class Match:
    """Pairs of a released and a submitted cell, by their positions in their notebooks.

    by_definition: released cells that were found by what they define only. copies: how many cells claimed a released
    one, where it was more than one.
    """

    of_released: dict[int, int] = field(default_factory=dict)
    of_submitted: dict[int, int] = field(default_factory=dict)
    by_definition: set[int] = field(default_factory=set)
    copies: Counter[int] = field(default_factory=Counter)

    def pair(self, released: int, submitted: int) -> None:
        self.of_released[released] = submitted
        self.of_submitted[submitted] = released

    def free(self, submitted: Sequence[SubmittedCell]) -> Iterator[tuple[int, SubmittedCell]]:
        """The submitted cells that no released cell has yet."""
        return ((j, cell) for j, cell in enumerate(submitted) if j not in self.of_submitted)


def recognise(released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell]) -> Match:
    """Pair the cells, each with one other at most, by the surest sign first.

    By grade id: of several claimants of an exercise the first that was worked on, else the first. Then by cell id,
    then by unchanged text. Then by what a cell defines, for exercises that no other sign has found.
    """
    match = Match()
    _by_grade_id(match, released, submitted)
    _by_cell_id(match, released, submitted)
    _by_text(match, released, submitted)
    _by_definition(match, released, submitted)
    return match


def _by_grade_id(match: Match, released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell]) -> None:
    graded = {name: i for i, cell in enumerate(released) if (name := grade_id(cell))}
    claims: dict[int, list[int]] = {}
    for j, cell in enumerate(submitted):
        if cell.grade_id in graded:
            claims.setdefault(graded[cell.grade_id], []).append(j)
    for i, claimants in claims.items():
        worked_on = (j for j in claimants if is_solution(released[i]) and not same_text(submitted[j], released[i]))
        match.pair(i, next(worked_on, claimants[0]))
        if len(claimants) > 1:
            match.copies[i] = len(claimants)


def _by_cell_id(match: Match, released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell]) -> None:
    """Copies keep their grade id, so a cell that claims one of this unit's goes by no other name."""
    graded = {grade_id(cell) for cell in released} - {None}
    positions = {cell.get("id"): i for i, cell in enumerate(released)}
    for j, cell in match.free(submitted):
        i = positions.get(cell.cell_id) if cell.cell_id and cell.grade_id not in graded else None
        if i is not None and i not in match.of_released:
            match.pair(i, j)


def _by_text(match: Match, released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell]) -> None:
    positions: dict[tuple[str, str], list[int]] = {}
    for i in reversed(range(len(released))):
        if i not in match.of_released:
            positions.setdefault((released[i].cell_type, released[i].source.rstrip()), []).append(i)
    for j, cell in match.free(submitted):
        if same := positions.get((cell.kind, cell.source.rstrip())):
            match.pair(same.pop(), j)


def _by_definition(match: Match, released: Sequence[NotebookNode], submitted: Sequence[SubmittedCell]) -> None:
    exercises = ((i, cell) for i, cell in enumerate(released) if is_solution(cell) and cell.cell_type == "code")
    missing = {grade_id(cell): i for i, cell in exercises if i not in match.of_released}
    for j, cell in match.free(submitted):
        if not missing:
            return
        name = next((name for name in defined_names(cell.source) if name in missing), None)
        if name is not None and cell.kind == "code":
            match.by_definition.add(missing[name])
            match.pair(missing.pop(name), j)


def same_text(submitted: SubmittedCell, released: NotebookNode) -> bool:
    return submitted.source.rstrip() == released.source.rstrip()
