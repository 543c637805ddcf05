"""Several checks of one exercise, each with points of its own, and numbers that they measure."""

from copy import deepcopy
from dataclasses import replace

import nbformat
import pytest

from kdtutor.authoring.problems import BuildError
from kdtutor.authoring.rules import grade_id, read_unit
from kdtutor.authoring.source import Role
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.pages.report import report
from kdtutor.grading.records.record import Check, Record, RecordError, sign, verify
from kdtutor.grading.sandbox import Limits, best
from tests.authoring.conftest import TEXT, UNIT, lay_out
from tests.grading.pages import assert_inert, record
from tests.grading.small_course import KEY, notebook, small_course

PART = """
# %% check="double" part="measured" points=4
measured = {"size": double(4), "word": "no number"}
assert double(4) > 100, "too small"
"""


def test_a_part_has_a_name_of_its_own_in_the_books(tmp_path):
    course = lay_out(tmp_path, TEXT + PART)
    unit = read_unit(course.source(UNIT))
    names = [grade_id(cell) for cell in unit.cells if cell.name == "double" and cell.role is Role.CHECK]
    assert names == ["check_double", "check_double_measured"]
    assert [cell.keys["points"] for cell in unit.cells if cell.name == "double" and "points" in cell.keys] == [2, 4]


@pytest.mark.parametrize("header", ['part="a b" points=4', "part=3 points=4", "points=4"])
def test_a_part_is_a_word_and_two_checks_need_two_names(tmp_path, header):
    course = lay_out(tmp_path, TEXT + PART.replace('part="measured" points=4', header))
    with pytest.raises(BuildError):
        read_unit(course.source(UNIT))


def test_each_part_earns_its_own_points_and_leaves_its_numbers(tmp_path):
    course = small_course(tmp_path)
    whole = load_assignment(course, UNIT)
    (name,) = [check for check, exercise in whole.exercise_of.items() if exercise == "double"]
    part = f"{name}_measured"
    released = notebook(course)
    cell = next(cell for cell in released.cells if cell.get("id") == name)
    twin = deepcopy(cell)
    twin.id = twin.metadata.nbgrader.grade_id = part
    twin.metadata.kdtutor = {"check": "double", "part": "measured"}
    released.cells.insert(released.cells.index(cell) + 1, twin)
    assignment = replace(
        whole,
        released=released,
        tests={**whole.tests, part: PART.split("\n", 2)[2]},
        points={**whole.points, part: 4.0},
        exercise_of={**whole.exercise_of, part: "double"},
        recorded={part: "double_measured"},
    )
    handed_in = notebook(course, double="def double(number):\n    return 2 * number\nmeasured = {'size': -1}")
    with Grader(assignment, KEY, tier=best(trusted=True), limits=Limits()) as grader:
        graded = grader.grade(Submission("ada", "ada", data=nbformat.writes(handed_in).encode()))
    checks = {check.name: check for check in graded.checks}
    assert checks["double"].verdict == "passed"
    assert (checks["double_measured"].verdict, checks["double_measured"].message) == ("failed", "too small")
    assert checks["double_measured"].measured == {"size": 8.0}  # the test cell's word, not the learner's
    assert checks["double"].measured == {}


def test_numbers_travel_in_a_record_and_are_no_evidence():
    plain = record("ada", [Check("f", 1, "passed")])
    with_numbers = replace(plain, checks=[Check("f", 1, "passed", measured={"b": 2, "a": 0.5})], signature=None)
    signed = sign(with_numbers, KEY)
    assert signed.evidence() == plain.evidence()
    again = Record.from_json(signed.to_json())
    assert again == signed
    assert verify(again, KEY)
    assert again.checks[0].measured == {"a": 0.5, "b": 2.0}
    assert b"measured" not in sign(plain, KEY).to_json()  # as records were before there was any


@pytest.mark.parametrize(
    "measured", [{"a": float("nan")}, {"a": True}, {"a": "1"}, {"../a": 1.0}, {str(n): 1.0 for n in range(21)}, 3]
)
def test_what_is_no_number_by_name_is_refused(measured):
    with pytest.raises(RecordError):
        Check("f", 1, "passed", measured=measured)


def test_the_report_draws_what_was_measured_and_who_is_on_the_front():
    def of(name, **numbers):
        return record(name, [Check("f", 1, "passed", measured=numbers)])

    records = [of("ada", bytes=8000, lost=0.5), of("bob", bytes=9000, lost=0.6), of("eve", bytes=9000, lost=0.1)]
    shown = report(records, title="Capstone", unit="u")
    assert_inert(shown)
    assert "What was measured" in shown
    assert shown.count(">yes<") == 2
    assert shown.count("<circle") == 3
    assert "What was measured" not in report([record("ada", [Check("f", 1, "passed")])], title="x", unit="u")
