"""When work was handed in, and what the course's rule takes off for it."""

import sqlite3

import pytest

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading.gradebook.enter import enter
from tests.grading.small_class import BOTH, NBGRADER_WARNS, a_class
from tests.grading.small_course import KEY, RIGHT, UNIT, book, hand_in, notebook, record_of

pytestmark = NBGRADER_WARNS


def due(course, duedate, extension=None):
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as database:
        database.execute("update assignment set duedate = ?", (duedate,))
        if extension:
            database.execute("update submitted_assignment set extension = ?", (extension,))
    database.close()


def penalty(course, learner):
    return book(course)[learner]["submissions"][0][1]


def test_being_late_costs_what_the_course_s_rule_says(course):
    records, handed_in = a_class(course)
    course.config.LateSubmissionPlugin.penalty_method = "zero"
    enter(course, UNIT, records, handed_in, key=KEY)
    assert penalty(course, "ada") is None, "no due date: nobody is late"
    due(course, "2026-11-19 00:00:00.000000")
    enter(course, UNIT, records, handed_in, key=KEY)
    assert penalty(course, "ada") == 3.0, "the whole score"
    assert penalty(course, "bob") is None, "no timestamp: not known to be late"
    due(course, "2026-11-19 00:00:00.000000", extension="1970-01-03 00:00:00.000000")
    enter(course, UNIT, records, handed_in, key=KEY)
    assert penalty(course, "ada") is None, "two days more"


class Harsh:
    """A course's own rule, and a wrong one: more than there is to lose."""

    def __init__(self, parent=None):
        pass

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score + 10


def test_a_penalty_is_never_more_than_the_score(course, monkeypatch):
    from nbgrader.plugins import LateSubmissionPlugin

    monkeypatch.setattr(LateSubmissionPlugin, "late_submission_penalty", Harsh.late_submission_penalty)
    records, handed_in = a_class(course)
    due(course, "2026-11-19 00:00:00.000000")
    enter(course, UNIT, records, handed_in, key=KEY)
    assert penalty(course, "ada") == 3.0


@pytest.mark.parametrize("written", ["", "yesterday", "9" * 150, "2026-13-45", "x" * 1000])
def test_a_timestamp_that_cannot_be_read_counts_as_none(course, written):
    submission = hand_in(course, "ada", to_bytes(notebook(course, **RIGHT)), timestamp=written)
    assert enter(course, UNIT, [record_of(course, submission, **BOTH)], [submission], key=KEY) == {}
    assert book(course)["ada"]["submissions"] == [(None, None)]
