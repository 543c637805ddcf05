"""Inside nbgrader: `nbgrader autograde` and the formgrader's button come to what `kdtutor grade` comes to."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import sysconfig
import time
import warnings
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading import places
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.gradebook import kept_grader
from kdtutor.grading.gradebook.enter import enter
from kdtutor.grading.gradebook.marked import marked_with
from kdtutor.grading.handed_in.intake import submissions
from kdtutor.grading.records.record import course_key, read_record, record_path, verify
from kdtutor.grading.sandbox import NoSandboxError, best, probe
from tests.grading.small_course import HIDDEN, RIGHT, UNIT, WRITTEN, book, by_hand, hand_in, notebook, small_course

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
    pytest.mark.skipif(not [t for t in probe() if t.works and t.name != "none"], reason="no sandbox works here"),
]
LATE = "2026-11-20 10:00:00 UTC"


def right(course):
    return notebook(course, **RIGHT, **WRITTEN)


def warning(course):
    new = right(course)
    new.cells.insert(1, nbformat.v4.new_code_cell("import sys, warnings\nwarnings.warn('careful')", id="mine"))
    cell = next(cell for cell in new.cells if cell.id == "double")
    cell.source = "def double(number):\n    print('doubling', file=sys.stderr)\n    return number * 2"
    return new


def with_a_copied_check(course):
    new = right(course)
    new.cells += [deepcopy(cell) for cell in new.cells if cell.id == "check_double"]
    new.cells[-1].id = "copied"
    return new


def without_checks(course):
    new = notebook(course, double=RIGHT["double"])
    new.cells = [cell for cell in new.cells if not cell.id.startswith("check_")]
    return new


def with_marks_of_tomorrow(course):
    """Marks of a version that is still to come stop nbgrader for everybody."""
    new = right(course)
    for cell in new.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = 99
    return new


def skipping_its_checks(course):
    new = notebook(course, double="def double(number): return 0", triple="def triple(n): return 0")
    for cell in new.cells:
        if cell.id.startswith("check_"):
            cell.metadata.tags = ["experiment", "skip-execution"]
            cell.metadata.nbgrader.points = 100
            cell.outputs = []
    return new


def of_format_3(course):
    cells = [
        {
            "cell_type": "code",
            "input": cell.source,
            "outputs": [],
            "metadata": dict(cell.metadata),
            "language": "python",
        }
        for cell in right(course).cells
        if cell.cell_type == "code"
    ]
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


NOTEBOOKS = {
    "right": right,
    "warns": warning,
    "half-right": lambda course: notebook(course, double=RIGHT["double"], triple="def triple(n): return n"),
    "untouched": lambda course: notebook(course),
    "syntax-error": lambda course: notebook(course, double="def double(number) return", triple=RIGHT["triple"]),
    "copied-check": with_a_copied_check,
    "without-checks": without_checks,
    "marks-of-tomorrow": with_marks_of_tomorrow,
    "skips-its-checks": skipping_its_checks,
}
BYTES = {
    "empty": b"",
    "garbage": b"\xff\xfe no notebook \x00",
    "cut-off": b'{"cells": [{"cell_type": "code", "sou',
    "a-number": b"17",
    "of-another-unit": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
}
SCORES = {
    "right": 3,
    "warns": 3,
    "half-right": 2,
    "untouched": 0,
    "syntax-error": 1,
    "copied-check": 3,
    "without-checks": 2,
    "marks-of-tomorrow": 3,
    "skips-its-checks": 0,
    "format-3": 3,
    "misnamed": 3,
    **dict.fromkeys([*BYTES, "a-folder", "a-link", "linked-folder", "linked-learner"], 0),
}
NOT_GRADED = {*BYTES, "a-folder", "a-link", "linked-folder", "linked-learner"}


def the_class(course):
    for learner, made in NOTEBOOKS.items():
        hand_in(course, learner, to_bytes(made(course)), timestamp=LATE)
    for learner, data in {**BYTES, "format-3": of_format_3(course)}.items():
        hand_in(course, learner, data, timestamp=LATE)
    hand_in(course, "misnamed", to_bytes(right(course)), timestamp=LATE, name=f"{UNIT} (1)")
    submitted = course.root / "grading" / "submitted"
    (submitted / "a-folder" / UNIT / f"{UNIT}.ipynb").mkdir(parents=True)
    (submitted / "a-link" / UNIT).mkdir(parents=True)
    (submitted / "a-link" / UNIT / f"{UNIT}.ipynb").symlink_to(submitted / "right" / UNIT / f"{UNIT}.ipynb")
    (submitted / "linked-folder").mkdir()
    (submitted / "linked-folder" / UNIT).symlink_to(submitted / "right" / UNIT)
    (submitted / "linked-learner").symlink_to(submitted / "right")
    return course


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


# In this process, as the formgrader does it


@pytest.fixture
def course(tmp_path):
    yield small_course(tmp_path)
    kept_grader.close()


def folders(course, **which):
    return CourseDirectory(config=course.config, root=str(course.root), log=quiet(), **which)


def quiet():
    log = logging.Logger("nbgrader", logging.CRITICAL)
    log.addHandler(logging.NullHandler())
    return log


def autograde(course, **settings):
    task = Autograde(coursedir=folders(course, assignment_id=UNIT), config=course.config, log=quiet(), **settings)
    task.force = True
    task.start()


def test_the_formgrader_s_button_grades_inside_a_running_server(course):
    hand_in(course, "ada", to_bytes(right(course)))
    api = NbGraderAPI(folders(course))

    async def press():
        return api.autograde(UNIT, "ada")

    result = asyncio.run(press())
    assert result["success"], result
    grades = book(course)["ada"]["grades"]
    assert (grades["check_double"][0], grades["check_triple"][0]) == (2.0, 1.0)


def test_a_person_s_score_outlives_a_second_autograding(course):
    hand_in(course, "ada", to_bytes(right(course)))
    autograde(course)
    by_hand(course, "ada", "check_double", 0.5)
    by_hand(course, "ada", "why_double", 2.5)
    autograde(course)
    grades = book(course)["ada"]["grades"]
    assert grades["check_double"] == (2.0, 0.5, None, 0)
    assert grades["why_double"][:2] == (None, 2.5)


def test_one_grader_serves_learner_after_learner_and_ends_when_it_is_idle(course, monkeypatch):
    made = []

    class Counted(Grader):
        def __init__(self, *arguments, **settings):
            made.append(self)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(kept_grader, "Grader", Counted)
    for learner in ("ada", "bob"):
        hand_in(course, learner, course.learner_notebook(UNIT).read_bytes())
    autograde(course)
    assert len(made) == 1
    assert kept_grader.is_kept()
    monkeypatch.setattr(kept_grader, "IDLE_SECONDS", 0.1)
    submission = submissions(places.submitted_folder(course), UNIT)[0]
    kept_grader.grade(load_assignment(course, UNIT), course_key(places.key_file(course)), submission)
    deadline = time.monotonic() + 10
    while kept_grader.is_kept() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not kept_grader.is_kept()
    assert len(made) == 1


def test_nbgrader_s_own_saving_of_grades_comes_to_the_same_points(course):
    course.config.Autograde.autograde_preprocessors = [
        "nbgrader.preprocessors.SaveAutoGrades" if name.endswith("EnterRecord") else name
        for name in course.config.Autograde.autograde_preprocessors
    ]
    for learner in ("right", "half-right", "untouched", "copied-check"):
        hand_in(course, learner, to_bytes(NOTEBOOKS[learner](course)))
    autograde(course)
    for learner, of in book(course).items():
        assert of["grades"]["check_double"][0] + of["grades"]["check_triple"][0] == SCORES[learner]


def test_without_a_sandbox_nothing_is_graded_unless_submissions_are_trusted(course, monkeypatch):
    def none_works(*, trusted=False):
        if not trusted:
            raise NoSandboxError("no sandbox works on this machine")
        return best(trusted=True)

    monkeypatch.setattr(kept_grader, "best", none_works)
    hand_in(course, "ada", to_bytes(right(course)))
    with pytest.raises(NbGraderException):
        autograde(course)
    assert {grade[0] for grade in book(course)["ada"]["grades"].values()} == {None}
    assert not places.autograded(course, UNIT, "ada").exists()
    course.config.GradeInSandbox.trust_submissions = True
    autograde(course)
    assert book(course)["ada"]["grades"]["check_double"][0] == 2.0


def test_no_code_of_a_learner_s_runs_in_nbgrader_s_process(course, tmp_path):
    mark = tmp_path / "was here"
    sources = {"double": f"open({str(mark)!r}, 'w').write('x')\n{RIGHT['double']}", "triple": RIGHT["triple"]}
    hand_in(course, "ada", to_bytes(notebook(course, **sources)))
    autograde(course)
    assert not mark.exists()


def test_no_file_that_a_learner_s_link_points_to_ends_up_beside_the_notebook(course, tmp_path):
    hand_in(course, "ada", to_bytes(right(course)), timestamp=LATE)
    secret = places.key_file(course)
    course_key(secret)
    folder = places.submitted(course, UNIT, "ada")
    (folder / "key").symlink_to(secret)
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder / "deep").mkdir()
    (folder / "deep" / "key").symlink_to(secret)
    autograde(course)
    there = places.autograded(course, UNIT, "ada").parent
    assert {path.relative_to(there).as_posix() for path in there.rglob("*") if not path.is_dir()} == {
        f"{UNIT}.ipynb",
        "timestamp.txt",
        "results.json",
        "figures/curve.png",
    }


def test_a_learner_whose_timestamp_is_broken_costs_nobody_else_anything(course):
    hand_in(course, "ada", to_bytes(right(course)))
    hand_in(course, "bob", to_bytes(right(course)), timestamp="the day before yesterday")
    hand_in(course, "cem", to_bytes(right(course)))
    with pytest.raises(NbGraderException):
        autograde(course)
    assert {learner: book(course)[learner]["grades"]["check_double"][0] for learner in ("ada", "cem")} == {
        "ada": 2.0,
        "cem": 2.0,
    }


def test_two_files_that_could_be_meant_wait_for_a_person(course):
    for name, triple in [(f"{UNIT} (1)", RIGHT["triple"]), (f"{UNIT} (2)", "def triple(n): return 0")]:
        hand_in(course, "ada", to_bytes(notebook(course, double=RIGHT["double"], triple=triple)), name=name)
    autograde(course)
    assert {grade[:2] + grade[3:] for grade in book(course)["ada"]["grades"].values()} == {(None, None, 1)}
    marked = nbformat.read(places.autograded(course, UNIT, "ada"), as_version=4)
    assert "only one can count" in marked.cells[0].outputs[0].text


def test_the_project_s_own_configuration_names_what_there_is():
    from traitlets.utils.importstring import import_item

    from kdtutor.authoring import Course

    config = Course.of(Path(__file__)).config
    named = [
        config.Autograde.pre_convert_hook,
        config.Autograde.exporter_class,
        *config.Autograde.sanitize_preprocessors,
        *config.Autograde.autograde_preprocessors,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(callable(import_item(name)) for name in named)
    assert "kdtutor.grading.gradebook.nbgrader_plugin.GradeInSandbox" in named
