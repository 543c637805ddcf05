"""The one writer: records arrive in nbgrader's gradebook once, whole, and never over what a person has given."""

import json
import signal
import sqlite3
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from nbgrader.utils import determine_grade, is_grade, is_solution
from sqlalchemy.exc import SAWarning

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading import places
from kdtutor.grading.gradebook.enter import GradebookError, enter
from kdtutor.grading.gradebook.marked import harmless, is_entered
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import course_key, sign
from tests.grading.small_course import (
    HIDDEN,
    KEY,
    RIGHT,
    UNIT,
    WRITTEN,
    book,
    by_hand,
    hand_in,
    notebook,
    record_of,
    small_course,
)

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, where tests call it

WAITS, SETTLED = 1, 0
BOTH = {"double": "passed", "triple": "passed"}


@pytest.fixture
def course(tmp_path):
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
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    before, written = book(course), times(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    assert book(course) == before
    assert times(course) == written


def times(course):
    return {path: path.stat().st_mtime_ns for path in (course.root / "grading" / "autograded").rglob("*")}


def test_what_a_person_has_settled_stays_settled_when_the_same_is_entered_again(course):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    by_hand(course, "ada", "why_double", 2.5)
    by_hand(course, "bob", "check_triple", 0.5)
    by_hand(course, "dora", "check_double", 1.0)
    before = book(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    assert book(course) == before


def test_a_person_s_score_is_kept_and_looked_at_again_where_the_automatic_one_changes(course):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    by_hand(course, "bob", "check_triple", 0.5)
    by_hand(course, "bob", "check_double", 2.0)
    enter(course, UNIT, [record_of(course, handed_in[1], **BOTH)], handed_in, key=KEY)
    grades = book(course)["bob"]["grades"]
    assert grades["check_triple"] == (1.0, 0.5, None, WAITS)
    assert grades["check_double"] == (2.0, 2.0, None, SETTLED)


def test_an_answer_that_a_person_has_marked_waits_again_only_after_a_new_submission(course):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    by_hand(course, "ada", "why_double", 2.5)
    again = hand_in(course, "ada", to_bytes(notebook(course, **RIGHT, why_double="Another reason.")))
    enter(course, UNIT, [record_of(course, again, **BOTH)], [again], key=KEY)
    assert book(course)["ada"]["grades"]["why_double"] == (None, 2.5, None, WAITS)


def test_extra_credit_and_a_person_s_comment_are_left_alone(course):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
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


# Interrupted and at the same time


IN_ANOTHER_PROCESS = """
import json, os, signal, sys, warnings
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from kdtutor.authoring import Course
from kdtutor.grading.gradebook import enter as gradebook
from tests.grading.small_course import KEY, UNIT
from tests.grading.test_gradebook import a_class

def child(root, times=1, kill_at=0):
    "Enter the class in a process of its own, which dies at a certain step; its number and the file of its steps."
    number = os.fork()
    if number:
        return number
    steps = 0

    def step(*arguments):
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    course = Course.of(root)
    records, handed_in = a_class(course)
    for name in ("after_flush", "before_commit", "after_commit"):
        event.listen(Session, name, step)
    replace = os.replace
    os.replace = lambda *paths: (step(), replace(*paths), step())
    try:
        for _ in range(times):
            gradebook.enter(course, UNIT, records, handed_in, key=KEY)
        (root / "steps").write_text(str(steps))
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)

def end_of(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
"""


def in_another_process(code, folder):
    started = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_PROCESS + code, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert started.returncode == 0, started.stderr
    return json.loads(started.stdout)


@pytest.mark.slow
def test_killed_anywhere_nothing_is_lost_nothing_doubled_and_nobody_half_entered(tmp_path):
    parts = 8
    courses = [small_course(tmp_path / str(part)) for part in range(parts)]
    ends = in_another_process(
        f"""
folder = Path(sys.argv[1])
assert end_of(child(folder / "0")) == 0
steps = int((folder / "0" / "steps").read_text())
print(json.dumps([end_of(child(folder / str(i), kill_at=max(1, steps * i // {parts}))) for i in range(1, {parts})]))
""",
        tmp_path,
    )
    assert ends == [-signal.SIGKILL] * (parts - 1)
    wanted = book(courses[0])
    assert int((tmp_path / "0" / "steps").read_text()) > 20
    for course in courses[1:]:
        for learner, entered in book(course).items():
            assert entered == wanted[learner], f"{learner} is half entered"
        records, handed_in = a_class(course)
        assert enter(course, UNIT, records, handed_in, key=KEY) == {}
        assert book(course) == wanted
        assert all(is_entered(course, record) for record in records)


@pytest.mark.slow
def test_two_writers_at_the_same_moment_enter_what_one_would(course, tmp_path):
    undisturbed = small_course(tmp_path / "undisturbed")
    enter(undisturbed, UNIT, *a_class(undisturbed), key=KEY)
    two = "print(json.dumps([end_of(n) for n in [child(Path(sys.argv[1]), times=8) for _ in range(2)]]))"
    assert in_another_process(two, course.root) == [0, 0]
    assert book(course) == book(undisturbed)


# The unit in the book


def test_a_unit_that_the_gradebook_does_not_know_is_entered_first(course):
    (course.root / "grading" / "gradebook.db").unlink()
    assert enter(course, UNIT, *a_class(course), key=KEY) == {}
    assert book(course)["ada"]["grades"]["check_double"][0] == 2.0


def test_a_gradebook_with_another_version_of_the_unit_is_refused_and_left_alone(course):
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as database:
        database.execute("update grade_cells set max_score = 5 where max_score = 2")
    database.close()
    with pytest.raises(GradebookError, match=f"kdtutor build {UNIT}"):
        enter(course, UNIT, *a_class(course), key=KEY)
    assert book(course) == {}


def test_an_entered_record_is_known_without_asking_the_database(course):
    records, handed_in = a_class(course)
    assert not is_entered(course, records[0])
    enter(course, UNIT, records, handed_in, key=KEY)
    assert all(is_entered(course, record) for record in records)
    assert not is_entered(course, record_of(course, handed_in[0], double="passed", triple="failed"))
    (course.root / "grading" / "gradebook.db").unlink()
    assert not is_entered(course, records[0])


# When it was handed in


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


# What nbgrader makes of it


def test_nbgrader_exports_the_scores_of_the_records(course, tmp_path):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    by_hand(course, "ada", "why_double", 2.5)
    with Gradebook(course.gradebook) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "grades.csv")).export(gradebook)
    header, *rows = [line.split(",") for line in (tmp_path / "grades.csv").read_text().splitlines()]
    scores = {row[header.index("student_id")]: float(row[header.index("score")]) for row in rows}
    assert scores == {record.learner: record.score + 2.5 * (record.learner == "ada") for record in records}
    assert {row[header.index("max_score")] for row in rows} == {"7.5"}


def folders_of(course, **which):
    return CourseDirectory(config=course.config, root=str(course.root), **which)


def test_the_formgrader_takes_the_submissions_for_autograded(course):
    enter(course, UNIT, *a_class(course), key=KEY)
    api = NbGraderAPI(folders_of(course))
    found = {each["student"]: each for each in api.get_submissions(UNIT)}
    assert {learner: each["autograded"] for learner, each in found.items()} == dict.fromkeys(found, True)
    assert {learner: (each["score"], each["needs_manual_grade"]) for learner, each in found.items()} == {
        "ada": (3.0, True),
        "bob": (2.0, False),
        "cem": (0.0, False),
        "dora": (0.0, True),
    }


def read(course, learner):
    path = places.autograded(course, UNIT, learner)
    marked = nbformat.read(path, as_version=4)
    nbformat.validate(marked)
    return path.read_text(encoding="utf-8"), marked


def test_the_marked_notebook_shows_verdicts_and_messages_and_no_hidden_test(course):
    enter(course, UNIT, *a_class(course), key=KEY)
    for learner, words in [("ada", "double: Passed"), ("bob", "triple: Not yet"), ("dora", "double: Not graded yet")]:
        text, _ = read(course, learner)
        assert words in text
        assert "A cell was put back." in text
        assert HIDDEN not in text
        assert "seven too" not in text
    assert "not a whole notebook" in read(course, "dora")[0]
    assert "return number * 2" in read(course, "ada")[0]


def test_nbgrader_s_own_rule_finds_the_same_points_in_the_marked_notebook(course):
    records, handed_in = a_class(course)
    enter(course, UNIT, records, handed_in, key=KEY)
    for record in records[:3]:
        cells = [cell for cell in read(course, record.learner)[1].cells if is_grade(cell) and not is_solution(cell)]
        assert sum(determine_grade(cell)[0] for cell in cells) == record.score


ACTIVE = r"""<script>alert(1)</script> <img src=x onerror=alert(2)> [a](javascript:alert(3))
[b](&#106;avascript:alert(4)) [c](javascript\:alert(5)) <svg/onload=alert(6)> <!-- x -->
<a href="JAVASCRIPT:alert(7)">d</a> $\href{javascript:alert(8)}{e}$
<iframe srcdoc="<script>alert(9)</script>"></iframe>"""


def test_nbgrader_s_own_pages_can_be_made_and_nothing_of_a_learner_s_takes_effect_in_it(course):
    submission = hand_in(course, "ada", to_bytes(notebook(course, **RIGHT, why_double=ACTIVE)))
    record = record_of(course, submission, double="passed", triple="failed")
    enter(course, UNIT, [record], [submission], key=KEY)
    course.config.pop("GenerateFeedback", None)  # nbgrader's own page, which shows the notebook as the formgrader does
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        GenerateFeedback(coursedir=folders_of(course, assignment_id=UNIT), config=course.config).start()
    page = places.feedback_page(course, UNIT, "ada").read_text(encoding="utf-8")
    assert "double: Passed" in page
    assert "what triple &lt;b&gt;did" in page
    assert HIDDEN not in page
    answer = page[page.index("alert(1)") - 200 : page.index("alert(9)") + 100]
    for acts in ("<script", "<img", "<svg", "<iframe", 'href="javascript', "href='javascript", "\\href{javascript"):
        assert acts not in answer.lower()


@pytest.mark.parametrize("text", ["a < b and c <= d", "$x_1 & x_2$, AT&T & co", "5 > 3", "a script for coffee"])
def test_ordinary_text_stays_as_it_was_written(text):
    assert harmless(text).replace("\u200b", "") == text
    assert harmless(harmless(text)) == harmless(text)


def test_a_problem_instead_of_a_file_is_told_on_top_of_the_notebook(course):
    submission = Submission("eve", "eve", problem="This is a link to a file, <i>not</i> a file.")
    record = record_of(course, submission, double="not-graded", triple="not-graded")
    assert enter(course, UNIT, [record], [submission], key=KEY) == {}
    _, marked = read(course, "eve")
    assert "a link to a file" in marked.cells[0].outputs[0].text
    assert book(course)["eve"]["grades"]["check_double"] == (None, None, None, WAITS)


def test_sqlalchemy_s_warnings_about_nbgrader_reach_nobody(course):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        enter(course, UNIT, *a_class(course), key=KEY)
