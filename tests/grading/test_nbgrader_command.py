"""Inside nbgrader, a whole class: `nbgrader autograde` comes to what `kdtutor grade` comes to."""

import os
import subprocess
import sys
import sysconfig
from dataclasses import replace

import nbformat
import pytest

from kdtutor.grading import places
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.gradebook.enter import enter
from kdtutor.grading.gradebook.marked import marked_with
from kdtutor.grading.handed_in.intake import submissions
from kdtutor.grading.records.record import course_key, read_record, record_path, verify
from tests.grading.class_of_all_kinds import BY_NBGRADER, NOT_GRADED, SCORES, the_class
from tests.grading.small_course import HIDDEN, UNIT, book, small_course

pytestmark = BY_NBGRADER


def nbgrader(course, *arguments):
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course.root,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def by_nbgrader(tmp_path_factory):
    course = the_class(small_course(tmp_path_factory.mktemp("nbgrader")))
    return course, nbgrader(course, "autograde", UNIT)


@pytest.fixture(scope="module")
def by_ourselves(tmp_path_factory, by_nbgrader):
    course = the_class(small_course(tmp_path_factory.mktemp("ourselves")))
    places.key_file(course).write_bytes(places.key_file(by_nbgrader[0]).read_bytes())
    key = course_key(places.key_file(course))
    handed_in = submissions(places.submitted_folder(course), UNIT)
    with Grader(load_assignment(course, UNIT), key) as grader:
        records = [grader.grade(submission) for submission in handed_in]
    assert enter(course, UNIT, records, handed_in) == {}
    return course, {record.learner: record for record in records}


@pytest.mark.slow
def test_nothing_that_was_handed_in_stops_the_class(by_nbgrader):
    course, run = by_nbgrader
    assert run.returncode == 0, run.stderr
    assert set(book(course)) == set(SCORES)


def test_every_learner_gets_exactly_the_points_earned(by_nbgrader):
    course, _ = by_nbgrader
    checks = ("check_double", "check_triple")
    found = {learner: [of["grades"][check][0] for check in checks] for learner, of in book(course).items()}
    assert {learner: sum(each or 0 for each in scores) for learner, scores in found.items()} == SCORES
    assert {learner for learner, scores in found.items() if scores == [None, None]} == NOT_GRADED


def test_nbgrader_s_command_and_our_own_writer_leave_the_same_gradebook(by_nbgrader, by_ourselves):
    assert book(by_nbgrader[0]) == book(by_ourselves[0])


def test_the_records_are_kept_signed_and_are_those_that_we_make(by_nbgrader, by_ourselves):
    course, records = by_nbgrader[0], by_ourselves[1]
    key = course_key(places.key_file(course))
    for learner, record in records.items():
        kept = read_record(record_path(places.records_folder(course), UNIT, learner))
        assert verify(kept, key)
        assert replace(kept, versions=record.versions).evidence() == record.evidence()


def test_the_marked_notebooks_say_the_same_and_name_their_record(by_nbgrader, by_ourselves):
    course, records = by_nbgrader[0], places.records_folder(by_nbgrader[0])
    for learner in SCORES:
        path = places.autograded(course, UNIT, learner)
        one, other = (
            nbformat.read(places.autograded(of, UNIT, learner), as_version=4) for of in (course, by_ourselves[0])
        )
        assert one.cells == other.cells
        assert HIDDEN not in path.read_text(encoding="utf-8")
        record = read_record(record_path(records, UNIT, learner))
        assert marked_with(path) == (record.signature, record.submission_sha256)


def test_nbgrader_exports_what_was_earned(by_nbgrader, tmp_path):
    run = nbgrader(by_nbgrader[0], "export", f"--to={tmp_path / 'grades.csv'}")
    assert run.returncode == 0, run.stderr
    header, *rows = [line.split(",") for line in (tmp_path / "grades.csv").read_text().splitlines()]
    scores = {row[header.index("student_id")]: float(row[header.index("score")]) for row in rows}
    assert scores == SCORES
