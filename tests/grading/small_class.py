"""A class of four in the small course, handed in or entered, and what nbgrader says of it."""

import pytest

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading.gradebook.enter import enter
from tests.grading.small_course import KEY, RIGHT, UNIT, WRITTEN, hand_in, notebook, record_of, small_course

WAITS, SETTLED = 1, 0
NBGRADER_WARNS = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # its own, where tests call it
BOTH = {"double": "passed", "triple": "passed"}


@pytest.fixture
def course(tmp_path):
    """The small course, its notebooks made, in a folder of the test's own."""
    return small_course(tmp_path)


def a_class(course):
    """Four learners and their records: all right with an answer written, half right, untouched, no notebook at all."""
    handed_in = [
        hand_in(course, "ada", to_bytes(notebook(course, **RIGHT, **WRITTEN)), timestamp="2026-11-20 10:00:00 UTC"),
        hand_in(course, "bob", to_bytes(notebook(course, double=RIGHT["double"], triple="def triple(n): return n"))),
        hand_in(course, "cem", course.learner_notebook(UNIT).read_bytes()),
        hand_in(course, "dora", b"\xff no notebook"),
    ]
    verdicts = [
        BOTH,
        {"double": "passed", "triple": "failed"},
        {"double": "not-attempted", "triple": "not-attempted"},
        {"double": "not-graded", "triple": "not-graded"},
    ]
    records = [record_of(course, *each[:1], **each[1]) for each in zip(handed_in, verdicts, strict=True)]
    return records, handed_in


def entered_class(course):
    """The four, whose records stand in the gradebook."""
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    return records, handed_in
