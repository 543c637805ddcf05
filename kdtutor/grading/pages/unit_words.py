"""What pages say of a unit, from its notebook as it was handed out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

from kdtutor.grading.handed_in.cell_roles import grade_id, in_records, is_check, is_solution, marks


@dataclass(frozen=True)
class UnitWords:
    """What a page needs to know of a unit: its title, what records call a check, answers that a person marks.

    following: the name of the next unit, if there is one.
    """

    title: str
    exercise_of: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    following: str | None = None


def unit_words(unit: str, released: NotebookNode, following: str | None = None) -> UnitWords:
    """The words of a unit from its notebook as it was handed out."""
    first = next((line for cell in released.cells if cell.cell_type == "markdown" for line in _headings(cell)), unit)
    checks = {grade_id(cell) or "": cell for cell in released.cells if is_check(cell)}
    return UnitWords(
        title=first,
        exercise_of={name: in_records(cell) for name, cell in checks.items()},
        answers=tuple(
            grade_id(cell) or "" for cell in released.cells if is_solution(cell) and marks(cell).get("grade")
        ),
        following=following,
    )


def _headings(cell: NotebookNode) -> Iterator[str]:
    return (match[1].strip() for match in re.finditer(r"^# +(.+)$", cell.source, re.MULTILINE))
