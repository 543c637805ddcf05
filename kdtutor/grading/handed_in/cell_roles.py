"""What nbgrader's marks make of a cell: for released cells, whose marks can be trusted."""

from nbformat import NotebookNode

EXPERIMENT = "experiment"


def marks(cell: NotebookNode) -> NotebookNode:
    return cell.metadata.get("nbgrader", {})


def grade_id(cell: NotebookNode) -> str | None:
    return marks(cell).get("grade_id")


def is_solution(cell: NotebookNode) -> bool:
    return bool(marks(cell).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    return bool(marks(cell).get("grade")) and not is_solution(cell)


def exercise_of(check: NotebookNode) -> str:
    """The exercise that a check is about."""
    return str(check.metadata.get("kdtutor", {}).get("check", grade_id(check)))


def in_records(check: NotebookNode) -> str:
    """The name under which records have a check: its exercise's, and behind it the part that it judges."""
    part = check.metadata.get("kdtutor", {}).get("part")
    return f"{exercise_of(check)}_{part}" if part else exercise_of(check)


def is_locked(cell: NotebookNode) -> bool:
    return not is_solution(cell) and bool(marks(cell))


def is_experiment(cell: NotebookNode) -> bool:
    return EXPERIMENT in cell.metadata.get("tags", [])


def is_added(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("kdtutor", {}).get("added"))


def called(cell: NotebookNode) -> str:
    """The cell as a learner knows it."""
    if is_solution(cell) or is_check(cell):
        return f"The cell {grade_id(cell)}"
    begins = " ".join((cell.source.strip().splitlines() or [""])[0].split())
    return f'The cell that begins "{begins[:40]}"'
