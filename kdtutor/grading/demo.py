"""A sample class for unit 01: what comes back from eight learners, from complete to endless."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.classroom.grade_class import grade_class
from kdtutor.grading.gradebook.enter import enter
from kdtutor.grading.handed_in.cell_roles import grade_id, is_solution
from kdtutor.grading.pages.feedback_pages import write_feedback
from kdtutor.grading.records.record import Record

UNIT = "01_soft_targets"

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


@dataclass(frozen=True)
class Score:
    """A learner's record, and the page of feedback made of it."""

    record: Record
    feedback: Path


def grade_demo(course: Course, folder: Path, *, report: Callable[[str], None] = lambda learner: None) -> list[Score]:
    """Make the sample class under `folder`, emptied first, grade it, enter it in a gradebook and write the pages.

    report: told each learner who is graded. Returns one Score a learner. FileNotFoundError when the unit is not built.
    """
    for built in (course.solved_notebook(UNIT), course.learner_notebook(UNIT)):
        if not built.is_file():
            raise FileNotFoundError(f"{course.named(built)} is not there: run `kdtutor build {UNIT}` first")
    shutil.rmtree(folder, ignore_errors=True)
    demo = _with_its_own_folders(course, folder)
    for learner, changes in SAMPLES.items():
        path = places.submitted(demo, UNIT, learner) / f"{UNIT}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(filled_in(course, changes), path)
    # The samples are our own: where there is no sandbox, nothing is lost by doing without
    records = grade_class(demo, UNIT, trust=True, report=lambda progress: report(progress.record.learner))
    if refused := enter(demo, UNIT, records):
        raise RuntimeError("; ".join(f"{learner}: {why}" for learner, why in refused.items()))
    problems = [f"{page.learner}: {page.problem}" for page in write_feedback(demo, UNIT) if page.problem]
    if problems:
        raise RuntimeError("; ".join(problems))
    of = {record.learner: record for record in records}
    return [Score(of[learner], places.feedback_page(demo, UNIT, learner)) for learner in SAMPLES]


def _with_its_own_folders(course: Course, folder: Path) -> Course:
    """The course, with everything that grading makes under `folder`."""
    config = deepcopy(course.config)
    config.CourseDirectory.db_url = f"sqlite:///{(folder / 'gradebook.db').as_posix()}"
    for name in ("submitted", "autograded", "feedback"):
        setattr(config.CourseDirectory, f"{name}_directory", str(folder / name))
    config[places.SECTION].records_directory = str(folder / "records")
    config[places.SECTION].key_file = str(folder / "course.key")
    return Course(course.root, config)


def filled_in(course: Course, changes: dict[str, str] | None) -> NotebookNode:
    """The released notebook with the solutions filled in, but for the cells that `changes` replaces."""
    notebook = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    if changes is None:
        return notebook
    solutions = {name: cell.source for name, cell in _solution_cells(nbformat.read(course.solved_notebook(UNIT), 4))}
    for name, cell in _solution_cells(notebook):
        cell.source = changes.get(name, solutions[name]).strip()
    return notebook


def _solution_cells(notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    return [(grade_id(cell) or "", cell) for cell in notebook.cells if is_solution(cell)]
