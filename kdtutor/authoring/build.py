"""Building units: text → executed notebook in `solutions/` → learner's notebook in `course/`.

Everything is made in a temporary folder and put in place at the end: a build that fails leaves both trees as they were.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nbformat import NotebookNode

from kdtutor.authoring.execute import CELL_TIMEOUT, CellError, execute, unwanted_outputs
from kdtutor.authoring.layout import Course, files_of
from kdtutor.authoring.notebook import to_bytes, to_notebook
from kdtutor.authoring.problems import BuildError, Problem
from kdtutor.authoring.release import ReleaseError, generate_assignment
from kdtutor.authoring.rules import Unit, read_unit


@dataclass(frozen=True)
class Progress:
    """Where a build is: `step` is "execute" (`done` of `total` code cells are through), "release" or "built"."""

    unit: str
    step: str
    done: int
    total: int


@dataclass(frozen=True)
class Built:
    """What a build left behind."""

    unit: str
    solved_notebook: Path
    learner_notebook: Path


Reporter = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Reports nothing."""


def build_all(
    root: Path,
    units: Iterable[str] = (),
    *,
    progress: Reporter = silent,
    gradebook: str | None = None,
    timeout: int = CELL_TIMEOUT,
) -> list[Built]:
    """Build the named units of the course at `root`, or all. BuildError holds the problems of every unit that failed.

    All sources are read before the first notebook runs, so a misspelt key in the last unit costs no waiting. The
    units without problems are built even when others fail. ValueError for a unit that does not exist.
    """
    course = Course.of(root)
    problems: list[Problem] = []
    built = []
    for unit in read_units(course, units):
        try:
            built.append(build(unit, course, progress, gradebook, timeout))
        except BuildError as error:
            problems += error.problems
    if problems:
        raise BuildError(problems)
    return built


def read_units(course: Course, units: Iterable[str] = ()) -> list[Unit]:
    """The named units, or all. BuildError holds the problems of all of them, ValueError names those there are not."""
    wanted = list(units) or course.units
    unknown = [unit for unit in wanted if unit not in course.units]
    if unknown:
        known = ", ".join(course.units) or "none"
        folder = course.named(course.solutions)
        raise ValueError(f"no unit {', '.join(unknown)} in {folder}/: the units there are {known}")
    problems: list[Problem] = []
    read = []
    for unit in wanted:
        try:
            read.append(read_unit(course.source(unit)))
        except BuildError as error:
            problems += error.problems
    if problems:
        raise BuildError(problems)
    return read


def build_unit(
    source: Path,
    *,
    progress: Reporter = silent,
    gradebook: str | None = None,
    timeout: int = CELL_TIMEOUT,
) -> Built:
    """Build the unit with this source, `solutions/<unit>/<unit>.py`. BuildError lists every rule it breaks.

    progress hears of each step. gradebook: database URL that nbgrader enters the unit in; the course's own by default.
    timeout: seconds for one cell.
    """
    return build(read_unit(source), Course.of(source), progress, gradebook, timeout)


def build_learner_notebooks(root: Path) -> list[Path]:
    """Make the learners' folders of every unit of the course at `root`, running nothing; returns their notebooks.

    BuildError holds the problems of every unit whose source breaks a rule; the others are made.
    """
    course = Course.of(root)
    made: list[Path] = []
    problems: list[Problem] = []
    for name in course.units:
        try:
            unit = read_unit(course.source(name))
        except BuildError as error:
            problems += error.problems
            continue
        with tempfile.TemporaryDirectory() as temporary:
            stage = Path(temporary).resolve()
            release(unit, to_notebook(unit), course, stage, None)
            replace_folder(replace(course, root=stage).released / name, course.released / name)
        made.append(course.learner_notebook(name))
    if problems:
        raise BuildError(problems)
    return made


def build(unit: Unit, course: Course, progress: Reporter, gradebook: str | None, timeout: int) -> Built:
    notebook = to_notebook(unit)
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]

    def at_cell(index: int) -> None:
        progress(Progress(unit.name, "execute", sum(i < index for i in code), len(code)))

    before = snapshot(unit.source.parent)
    try:
        executed = execute(notebook, unit.source.parent, timeout=timeout, on_cell=at_cell)
    except CellError as failure:
        raise BuildError([problem_in(unit, course, failure.index, failure.place, failure.words)]) from None
    wrong = [problem_in(unit, course, index, (index, 0), words) for index, words in unwanted_outputs(executed)]
    wrong += [
        Problem(course.named(unit.source), 1, words) for words in footprints(before, snapshot(unit.source.parent))
    ]
    if wrong:
        raise BuildError(wrong)
    progress(Progress(unit.name, "release", len(code), len(code)))
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary).resolve()
        release(unit, executed, course, stage, gradebook or course.gradebook)
        staged = replace(course, root=stage)
        replace_file(staged.solved_notebook(unit.name), course.solved_notebook(unit.name))
        replace_folder(staged.released / unit.name, course.released / unit.name)
    progress(Progress(unit.name, "built", len(code), len(code)))
    return Built(unit.name, course.solved_notebook(unit.name), course.learner_notebook(unit.name))


def release(unit: Unit, notebook: NotebookNode, course: Course, stage: Path, gradebook: str | None) -> None:
    """Lay the unit out under `stage` as under the course's root and let nbgrader make the learner's folder there.

    BuildError where nbgrader refuses, with its words. gradebook None: nothing is entered anywhere.
    """
    solved = replace(course, root=stage).solved_notebook(unit.name)
    for name, path in files_of(unit.source.parent).items():
        if path.suffix != ".ipynb":
            copy = solved.parent / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    solved.write_bytes(to_bytes(notebook))
    try:
        generate_assignment(stage, unit.name, course.config, gradebook)
    except ReleaseError as error:
        raise BuildError([Problem(course.named(unit.source), 1, f"nbgrader refused the unit: {error}")]) from error


def problem_in(unit: Unit, course: Course, index: int, place: tuple[int, int], words: str) -> Problem:
    """What happened while a cell ran, at a place (index of a cell, line in it or 0), with the text of that line."""
    running, (at, line) = unit.cells[index], place
    title = f"{running.role} {running.name}" if running.name else f"cell {index + 1}"
    text = f" (in: {unit.cells[at].source.splitlines()[line - 1].strip()})" if line else ""
    where = unit.cells[at].at(line)
    return Problem(course.named(unit.source), where, f"running {title}: {' '.join(words.split())}{text}")


def snapshot(folder: Path) -> dict[str, int]:
    return {name: path.stat().st_mtime_ns for name, path in files_of(folder).items()}


def footprints(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Files that a run made, changed or deleted in the unit's folder: they would end up with the learners."""
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [
        f"the notebook writes {name} in the unit's folder: keep it in memory or in a temporary folder"
        for name in changed
    ]


def replace_file(new: Path, old: Path) -> None:
    beside = old.with_name(f".{old.name}.new")
    shutil.copyfile(new, beside)
    os.replace(beside, old)


def require_ours(folder: Path, mark: str, what: str) -> None:
    """FileExistsError where `folder` holds something else than `what`, which is known by its file `mark`."""
    if folder.exists() and not (folder / mark).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something else than {what}: name another folder")


def replace_folder(new: Path, old: Path) -> None:
    beside, away = old.with_name(f".{old.name}.new"), old.with_name(f".{old.name}.old")
    for leftover in (beside, away):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(new, beside)
    if old.exists():
        os.replace(old, away)
    os.replace(beside, old)
    shutil.rmtree(away, ignore_errors=True)
