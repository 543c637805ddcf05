"""What nbgrader makes of an entered class: its export, its formgrader, and the marked notebook's pages."""

import warnings

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from nbgrader.utils import determine_grade, is_grade, is_solution

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading import places
from kdtutor.grading.gradebook.enter import enter
from kdtutor.grading.gradebook.marked import harmless
from kdtutor.grading.handed_in.intake import Submission
from tests.grading.small_class import NBGRADER_WARNS, WAITS, a_class, entered_class
from tests.grading.small_course import HIDDEN, KEY, RIGHT, UNIT, book, by_hand, hand_in, notebook, record_of

pytestmark = NBGRADER_WARNS


def test_nbgrader_exports_the_scores_of_the_records(course, tmp_path):
    records, _ = entered_class(course)
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
    records, _ = entered_class(course)
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
