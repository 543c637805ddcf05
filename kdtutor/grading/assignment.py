"""What a unit is graded against: the notebook that learners got, and the whole tests that they did not."""

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.grading.handed_in.cell_roles import (
    exercise_of,
    grade_id,
    in_records,
    is_check,
    is_experiment,
    is_solution,
    marks,
)
from kdtutor.grading.records.canonical_json import canonical


@dataclass(frozen=True)
class Assignment:
    """A unit as it is graded. Can be pickled, so that it travels to workers.

    released: the notebook as learners got it. tests: the source of each check with its hidden part, by grade id.
    points: of each check, in the notebook's order. exercise_of: the exercise that each check is about. recorded: names
    in records of checks that judge a part of their exercise. sha256: of all this.
    """

    unit: str
    released: NotebookNode
    tests: Mapping[str, str]
    points: Mapping[str, float]
    exercise_of: Mapping[str, str]
    sha256: str
    recorded: Mapping[str, str] = field(default_factory=dict)

    def in_records(self, check: str) -> str:
        """The name that a check has in records: its exercise's, or for one of several its own."""
        return self.recorded.get(check, self.exercise_of[check])

    @property
    def exercises(self) -> frozenset[str]:
        """The names that a test may find under the learner's definition."""
        return frozenset(name for cell in self.released.cells if is_solution(cell) if (name := grade_id(cell)))


def load_assignment(course: Course, unit: str) -> Assignment:
    """The unit as it was built. FileNotFoundError with the command that builds it; ValueError where it has no check."""
    files = (course.learner_notebook(unit), course.solved_notebook(unit))
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"{course.named(path)} is not there: run `kdtutor build {unit}` first")
    released, solved = (nbformat.read(path, as_version=4) for path in files)
    tests = {name: cell.source for cell in solved.cells if is_check(cell) if (name := grade_id(cell))}
    checks = {name for cell in released.cells if is_check(cell) if (name := grade_id(cell))}
    if not checks or checks != tests.keys():
        raise ValueError(f"{unit}: the released notebook and the solved one have not the same checks: build it again")
    return assignment_of(unit, released, tests)


def assignment_of(unit: str, released: NotebookNode, tests: Mapping[str, str]) -> Assignment:
    """The unit with these tests, one for each check of the released notebook."""
    checks = {name: cell for cell in released.cells if is_check(cell) if (name := grade_id(cell))}
    # Outputs and execution counts change nothing that is graded
    graded = [[cell.cell_type, cell.source, cell.metadata] for cell in released.cells]
    return Assignment(
        unit=unit,
        released=released,
        tests=tests,
        points={name: float(marks(cell)["points"]) for name, cell in checks.items()},
        exercise_of={name: exercise_of(cell) for name, cell in checks.items()},
        sha256=hashlib.sha256(canonical({"cells": graded, "tests": tests})).hexdigest(),
        recorded={name: said for name, cell in checks.items() if (said := in_records(cell)) != exercise_of(cell)},
    )


def graded_units(course: Course) -> list[str]:
    """The course's units that have a check, as their text sources say."""
    return [unit for unit in course.units if "\n# %% check=" in course.source(unit).read_text(encoding="utf-8")]


def runs_while_grading(cell: NotebookNode) -> str:
    """What of a cell is run before the checks that follow it: all; of an experiment or a check, its imports alone.

    At home those cells ran too, and a solution may lean on a module that one of them imported.
    """
    if cell.cell_type != "code":
        return ""
    return imports(cell.source) if is_experiment(cell) or is_check(cell) else cell.source


def imports(source: str) -> str:
    """The import statements that stand at the left margin of a cell, each on a line; none where it is no Python."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return "\n".join(ast.unparse(line) for line in body if isinstance(line, ast.Import | ast.ImportFrom))
