"""Grading by nbgrader's own execution: one notebook at a time, in the instructor's own environment.

Everything that executes a submission is behind `grade_class`. Submissions run unconfined here: grade only work of
people you trust.
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

EXPERIMENT = "experiment"


@dataclass(frozen=True)
class Score:
    """One learner's points for a unit, check by check, and where the feedback page lies."""

    learner: str
    score: float
    max_score: float
    checks: dict[str, float]
    feedback: Path


class ExecuteChecks(Execute):
    """nbgrader's execution without the experiments, and without marks lost to a warning.

    A cell tagged `experiment` is left out unless it is graded: a tag that a learner puts on a test skips nothing.
    What a graded cell writes to stderr is dropped, because nbgrader gives such a cell no points.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        graded = is_grade(cell)
        tags = cell.metadata.pop("tags", [])  # nbclient leaves out cells by their tags, graded ones too
        if EXPERIMENT in tags and not graded:
            return cell, resources
        cell, resources = super().preprocess_cell(cell, resources, index)
        if graded and cell.cell_type == "code":
            cell.outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        return cell, resources


def grade_class(
    config: Config, unit: str, learners: list[str], *, report: Callable[[str], None] = lambda learner: None
) -> list[Score]:
    """Grade the named learners' submissions of a unit and write their feedback pages.

    config: the course's nbgrader configuration (folders and gradebook). report: told each learner's name before its
    turn. Returns one Score a learner, in the order asked for. RuntimeError when nbgrader cannot grade a submission.
    """
    scores = []
    for learner in learners:
        report(learner)
        _convert(Autograde, config, unit, learner)
        _convert(GenerateFeedback, config, unit, learner)
        scores.append(_score(config, unit, learner))
    return scores


def _convert(converter: type, config: Config, unit: str, learner: str) -> None:
    log = logging.Logger("nbgrader", logging.CRITICAL)
    folders = CourseDirectory(config=config, log=log, assignment_id=unit, student_id=learner)
    task = converter(coursedir=folders, config=config, log=log)
    task.force = True
    if hasattr(task, "create_student"):
        task.create_student = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of its database
            task.start()
    except Exception as error:
        raise RuntimeError(f"nbgrader could not process {learner}'s {unit}: {error}") from error


def _score(config: Config, unit: str, learner: str) -> Score:
    with warnings.catch_warnings(), Gradebook(config.CourseDirectory.db_url) as gradebook:
        warnings.simplefilter("ignore", SAWarning)
        submission = gradebook.find_submission(unit, learner)
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        checks = {grade.cell.name: float(grade.score) for grade in grades}
        page = Path(
            config.CourseDirectory.root, config.CourseDirectory.feedback_directory, learner, unit, f"{unit}.html"
        )
        return Score(learner, float(submission.score), float(submission.max_score), checks, page)
