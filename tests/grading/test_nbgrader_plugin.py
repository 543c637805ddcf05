"""Inside nbgrader, in this process: the formgrader's button grades in the sandbox and keeps what a person gave."""

import asyncio
import logging
import time
import warnings
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
from kdtutor.grading.handed_in.intake import submissions
from kdtutor.grading.records.record import course_key
from kdtutor.grading.sandbox import NoSandboxError, best
from tests.grading.class_of_all_kinds import BY_NBGRADER, LATE, NOTEBOOKS, SCORES, right
from tests.grading.small_course import RIGHT, UNIT, book, by_hand, hand_in, notebook, small_course

pytestmark = BY_NBGRADER


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
