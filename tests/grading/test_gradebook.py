"""The one writer: records arrive in nbgrader's gradebook once, whole, and never over what a person has given."""

import sqlite3
import warnings
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy.exc import SAWarning

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading import places
from kdtutor.grading.gradebook.enter import GradebookError, enter
from kdtutor.grading.records.record import course_key, sign
from tests.grading.small_class import BOTH, NBGRADER_WARNS, SETTLED, WAITS, a_class, entered_class
from tests.grading.small_course import KEY, RIGHT, UNIT, book, by_hand, hand_in, notebook, record_of

pytestmark = NBGRADER_WARNS


def test_scores_land_where_nbgrader_looks_for_them(course):
    assert enter(course, UNIT, *a_class(course), key=KEY) == {}
    found = book(course)
    assert {learner: found[learner]["grades"] for learner in found} == {
        "ada": {
            "check_double": (2.0, None, None, SETTLED),
            "check_triple": (1.0, None, None, SETTLED),
            "why_double": (None, None, None, WAITS),  # written: a person reads it
            "plot": (0.0, None, None, SETTLED),  # left as it came
        },
        "bob": {
            "check_double": (2.0, None, None, SETTLED),
            "check_triple": (0.0, None, None, SETTLED),
            "why_double": (0.0, None, None, SETTLED),
            "plot": (0.0, None, None, SETTLED),
        },
        "cem": dict.fromkeys(
            ("check_double", "check_triple", "why_double", "plot"),
            (0.0, None, None, SETTLED),
        ),
        "dora": dict.fromkeys(
            ("check_double", "check_triple", "why_double", "plot"),
            (None, None, None, WAITS),  # nothing could be graded: that is not the same as nothing earned
        ),
    }
    assert found["ada"]["submissions"] == [("2026-11-20 10:00:00.000000", None)]
    assert found["bob"]["submissions"] == [(None, None)]
    assert found["bob"]["comments"] == {
        "double": (None, None),
        "triple": (None, None),
        "why_double": ("No response.", None),
        "plot": ("No response.", None),
    }


def test_the_submissions_are_those_in_nbgrader_s_folder_where_none_are_given(course):
    records, _ = a_class(course)
    assert enter(course, UNIT, records, key=KEY) == {}
    assert book(course)["ada"]["grades"]["check_double"][0] == 2.0


def test_the_key_is_the_course_s_own_where_none_is_given(course):
    key = course_key(places.key_file(course))
    records, handed_in = a_class(course)
    assert set(enter(course, UNIT, records, handed_in)) == {"ada", "bob", "cem", "dora"}
    assert enter(course, UNIT, [sign(record, key) for record in records], handed_in) == {}


def test_entered_twice_is_entered_once(course):
    records, handed_in = entered_class(course)
    before, written = book(course), times(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    assert book(course) == before
    assert times(course) == written


def times(course):
    return {path: path.stat().st_mtime_ns for path in (course.root / "grading" / "autograded").rglob("*")}


def test_what_a_person_has_settled_stays_settled_when_the_same_is_entered_again(course):
    records, handed_in = entered_class(course)
    by_hand(course, "ada", "why_double", 2.5)
    by_hand(course, "bob", "check_triple", 0.5)
    by_hand(course, "dora", "check_double", 1.0)
    before = book(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    assert book(course) == before


def test_a_person_s_score_is_kept_and_looked_at_again_where_the_automatic_one_changes(course):
    _, handed_in = entered_class(course)
    by_hand(course, "bob", "check_triple", 0.5)
    by_hand(course, "bob", "check_double", 2.0)
    enter(course, UNIT, [record_of(course, handed_in[1], **BOTH)], handed_in, key=KEY)
    grades = book(course)["bob"]["grades"]
    assert grades["check_triple"] == (1.0, 0.5, None, WAITS)
    assert grades["check_double"] == (2.0, 2.0, None, SETTLED)


def test_an_answer_that_a_person_has_marked_waits_again_only_after_a_new_submission(course):
    entered_class(course)
    by_hand(course, "ada", "why_double", 2.5)
    again = hand_in(course, "ada", to_bytes(notebook(course, **RIGHT, why_double="Another reason.")))
    enter(course, UNIT, [record_of(course, again, **BOTH)], [again], key=KEY)
    assert book(course)["ada"]["grades"]["why_double"] == (None, 2.5, None, WAITS)


def test_extra_credit_and_a_person_s_comment_are_left_alone(course):
    _, handed_in = entered_class(course)
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as database:
        database.execute("update grade set extra_credit = 0.25")
        database.execute("update comment set manual_comment = 'well done'")
    database.close()
    enter(course, UNIT, [record_of(course, handed_in[1], **BOTH)], handed_in, key=KEY)
    found = book(course)["bob"]
    assert {grade[2] for grade in found["grades"].values()} == {0.25}
    assert {comment[1] for comment in found["comments"].values()} == {"well done"}


def forged(course, record, submission):
    return replace(record, checks=[replace(check, verdict="passed") for check in record.checks]), submission


def of_another_key(course, record, submission):
    return sign(record, bytes(32)), submission


def unsigned(course, record, submission):
    return replace(record, signature=None), submission


def of_another_unit(course, record, submission):
    return sign(replace(record, unit="08_other"), KEY), submission


def of_another_version(course, record, submission):
    return sign(replace(record, assignment_sha256="0" * 64), KEY), submission


def of_another_submission(course, record, submission):
    return record, replace(submission, data=submission.data + b" ")


def without_a_submission(course, record, submission):
    return record, replace(submission, learner="somebody")


def with_an_endless_name(course, record, submission):
    return sign(replace(record, learner="b" * 129), KEY), replace(submission, learner="b" * 129)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (forged, "not signed with this course's key"),
        (of_another_key, "not signed with this course's key"),
        (unsigned, "not signed with this course's key"),
        (of_another_unit, "08_other"),
        (of_another_version, "another version of the unit"),
        (of_another_submission, "changed since it was graded"),
        (without_a_submission, "is not there"),
        (with_an_endless_name, "128 characters"),
    ],
)
def test_a_record_that_is_not_of_this_class_is_refused_and_leaves_no_trace(course, spoil, words):
    records, handed_in = a_class(course)
    record, submission = spoil(course, records[1], handed_in[1])
    refused = enter(course, UNIT, [record, records[0]], [submission, handed_in[0]], key=KEY)
    assert set(refused) == {record.learner}
    assert words in refused[record.learner]
    assert set(book(course)) == {"ada"}
    assert not places.autograded(course, UNIT, "bob").exists()


def test_a_unit_that_the_gradebook_does_not_know_is_entered_first(course):
    (course.root / "grading" / "gradebook.db").unlink()
    assert enter(course, UNIT, *a_class(course), key=KEY) == {}
    assert book(course)["ada"]["grades"]["check_double"][0] == 2.0


def edited(course, *statements):
    with closing(sqlite3.connect(course.root / "grading" / "gradebook.db")) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_gradebook_with_scores_of_another_version_of_the_unit_is_refused_and_left_alone(course):
    enter(course, UNIT, *a_class(course), key=KEY)
    edited(course, "update grade_cells set max_score = 5 where max_score = 2")
    before = book(course)
    with pytest.raises(GradebookError, match=f"kdtutor build {UNIT}"):
        enter(course, UNIT, *a_class(course), key=KEY)
    assert book(course) == before


def cells(course):
    with closing(sqlite3.connect(course.root / "grading" / "gradebook.db")) as database:
        rows = "select name, type, max_score from base_cell left join grade_cells using (id) order by name, type"
        return database.execute(rows).fetchall(), database.execute("select name from source_cell").fetchall()


def only(to_grade=99, with_source=99):
    """Statements that leave the cells entered first, those with a source after the others, as a kill does."""
    grading, sources = (
        f"(select id from {table} order by rowid limit {count})"
        for table, count in (("base_cell", to_grade), ("source_cell", with_source))
    )
    tables = ("grade_cells", "solution_cells", "base_cell")
    return [
        *(f"delete from {table} where id not in {grading}" for table in tables),
        f"delete from source_cell where id not in {sources}",
    ]


@pytest.mark.parametrize(
    "statements",
    [
        *(only(cells, 0) for cells in range(8)),
        *(only(with_source=cells) for cells in range(6)),
        [*only(0, 0), "delete from notebook"],
        ["update grade_cells set max_score = 5 where max_score = 2"],
    ],
)
def test_a_unit_that_was_entered_in_part_is_entered_whole_where_nobody_has_a_score(course, statements):
    whole = cells(course)
    edited(course, *statements)
    assert cells(course) != whole
    assert enter(course, UNIT, *a_class(course), key=KEY) == {}
    assert cells(course) == whole
    assert book(course)["ada"]["grades"]["check_double"][0] == 2.0


def test_sqlalchemy_s_warnings_about_nbgrader_reach_nobody(course):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        enter(course, UNIT, *a_class(course), key=KEY)
