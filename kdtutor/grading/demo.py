"""A sample class for unit 01: what comes back from eight learners, from complete to endless."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.authoring.release import generate_assignment
from kdtutor.grading.stock import Score, grade_class

UNIT = "01_soft_targets"
TIMEOUT = 20  # seconds a cell; the endless loop waits for it once a check

NO_SQUARED_TEMPERATURE = """
def kd_loss(student_logits, teacher_logits, temperature):
    log_t = (teacher_logits.detach() / temperature).log_softmax(-1)
    log_s = (student_logits / temperature).log_softmax(-1)
    return (log_t.exp() * (log_t - log_s)).sum(-1).mean()
"""
DIRECTIONS_SWAPPED = """
def kl_divergence(p, q):
    return (torch.special.xlogy(q, q) - torch.special.xlogy(q, p)).sum(-1)
"""
MEAN_OVER_CLASSES = """
def entropy(probs):
    return -torch.special.xlogy(probs, probs).mean(-1)
"""
SYNTAX_ERROR = """
def kd_loss(student_logits, teacher_logits, temperature)
    return 0
"""
ENDLESS = """
def entropy(probs):
    while True:
        pass
"""
WARNS = """
def soften(logits, temperature):
    import warnings

    warnings.warn("dividing by the temperature")
    print("softening")
    return torch.softmax(logits / temperature, dim=-1)
"""

# learner -> what they handed in: all solved but the cells named here; None: nothing solved
SAMPLES: dict[str, dict[str, str] | None] = {
    "complete": {},
    "untouched": None,
    "no-squared-temperature": {"kd_loss": NO_SQUARED_TEMPERATURE},
    "directions-swapped": {"kl_divergence": DIRECTIONS_SWAPPED},
    "mean-over-classes": {"entropy": MEAN_OVER_CLASSES},
    "syntax-error": {"kd_loss": SYNTAX_ERROR},
    "endless-loop": {"entropy": ENDLESS},
    "warns": {"soften": WARNS},
}


def grade_demo(course: Course, folder: Path, *, report: Callable[[str], None] = lambda learner: None) -> list[Score]:
    """Make the sample class under `folder`, emptied first, and grade it with the course's configuration.

    Returns one Score a learner. Raises FileNotFoundError when the unit is not built.
    """
    for built in (course.solved_notebook(UNIT), course.learner_notebook(UNIT)):
        if not built.is_file():
            raise FileNotFoundError(f"{course.named(built)} is not there: run `kdtutor build {UNIT}` first")
    shutil.rmtree(folder, ignore_errors=True)
    config = deepcopy(course.config)
    config.CourseDirectory.db_url = f"sqlite:///{(folder / 'gradebook.db').as_posix()}"
    for name in ("submitted", "autograded", "feedback"):
        setattr(config.CourseDirectory, f"{name}_directory", str(folder / name))
    config.Execute.timeout = TIMEOUT
    _enter_in_gradebook(course, folder, config.CourseDirectory.db_url)
    for learner, changes in SAMPLES.items():
        notebook = _submission(course, changes)
        path = folder / "submitted" / learner / UNIT / f"{UNIT}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    return grade_class(config, UNIT, list(SAMPLES), report=report)


def _enter_in_gradebook(course: Course, folder: Path, gradebook: str) -> None:
    stage = folder / "released"
    solved = stage / course.solved_notebook(UNIT).relative_to(course.root)
    solved.parent.mkdir(parents=True)
    shutil.copyfile(course.solved_notebook(UNIT), solved)
    generate_assignment(stage, UNIT, course.config, gradebook)


def _submission(course: Course, changes: dict[str, str] | None) -> NotebookNode:
    """The released notebook with the solutions filled in, but for the cells that `changes` replaces."""
    notebook = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    if changes is None:
        return notebook
    solutions = {name: cell.source for name, cell in _solution_cells(nbformat.read(course.solved_notebook(UNIT), 4))}
    for name, cell in _solution_cells(notebook):
        cell.source = changes.get(name, solutions[name]).strip()
    return notebook


def _solution_cells(notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    marked = ((cell.metadata.get("nbgrader", {}), cell) for cell in notebook.cells)
    return [(marks["grade_id"], cell) for marks, cell in marked if marks.get("solution")]
