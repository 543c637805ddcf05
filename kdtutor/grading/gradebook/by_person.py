"""What a person added to a learner's grading in nbgrader's gradebook: marks for answers, changed points, comments."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Mark:
    """Points for a cell of the notebook. earned: None while nobody has marked it. by_hand: a person gave them."""

    points: float
    earned: float | None
    by_hand: bool


@dataclass(frozen=True)
class ByPerson:
    """Marks, and comments that a person wrote, by grade ids of cells. late: points taken off for handing in late."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
    late: float = 0.0


NOTHING = ByPerson()


def is_there(url: str) -> bool:
    """Whether a gradebook may be asked: to ask for an SQLite file that is not there would make one."""
    prefix = "sqlite:///"
    return not url.startswith(prefix) or Path(unquote(url.removeprefix(prefix))).is_file()


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """The gradebook to read in, or None where there is none yet."""
    if not is_there(url):
        yield None
        return
    with warnings.catch_warnings():
        from nbgrader.api import Gradebook
        from sqlalchemy.exc import SAWarning

        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of its database
        with Gradebook(url) as gradebook:
            yield gradebook


def by_person(gradebook: Any, unit: str, learner: str) -> ByPerson:
    """What the gradebook (None: there is none) holds about a learner's notebook of a unit.

    ValueError where the gradebook cannot be read.
    """
    if gradebook is None:
        return NOTHING
    from nbgrader.api import MissingEntry
    from sqlalchemy.exc import SQLAlchemyError

    try:
        notebook = gradebook.find_submission_notebook(unit, unit, learner)
        marks = {grade.name: _mark(grade) for grade in notebook.grades}
        comments = {each.name: each.manual_comment for each in notebook.comments if each.manual_comment}
        return ByPerson(marks, comments, float(notebook.late_submission_penalty or 0.0))
    except MissingEntry:
        return NOTHING
    except SQLAlchemyError as error:
        first = (str(error).splitlines() or [""])[0]
        raise ValueError(f"the gradebook cannot be read: {first}") from None


def _mark(grade: Any) -> Mark:
    waiting = grade.manual_score is None and (grade.auto_score is None or grade.needs_manual_grade)
    by_hand = grade.manual_score is not None or bool(grade.extra_credit)
    return Mark(float(grade.max_score), None if waiting else float(grade.score), by_hand)
