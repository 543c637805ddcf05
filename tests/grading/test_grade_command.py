"""`kdtutor grade` at the terminal: the table, what is entered in the gradebook and when, how an interrupt ends."""

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from kdtutor.cli import app
from kdtutor.grading.classroom import grade_class as classroom
from kdtutor.grading.classroom import terminal
from kdtutor.grading.classroom.class_table import class_table
from kdtutor.grading.gradebook import enter as gradebook
from kdtutor.grading.places import autograded, records_folder, submitted
from kdtutor.grading.records.record import Check, Record
from tests.grading.class_of_fakes import ROOT, UNIT, hand_in, let_fakes_grade, noted, plan, small_course

LEARNERS = ["ada", "grace", "[red]hopper"]


def record(learner="ada", **changes):
    whole = Record(
        learner=learner,
        unit="unit",
        status="graded",
        checks=[Check("soften", 2, "passed"), Check("kd_loss", 3, "failed", "no T²", "Where is T²?")],
        repairs=(),
        sandbox="none",
        seed="0" * 16,
        versions={},
        submission_sha256="0" * 64,
        assignment_sha256="0" * 64,
    )
    return replace(whole, **changes)


def shown(content, width=100):
    page = io.StringIO()
    Console(file=page, width=width).print(content)
    return page.getvalue()


@pytest.fixture
def course(tmp_path, monkeypatch):
    course = small_course(tmp_path / "course")
    for learner in LEARNERS:
        hand_in(course, learner, plan(learner=learner))
    let_fakes_grade(monkeypatch, tmp_path / "diary")
    return course


@pytest.fixture
def entered(course, monkeypatch):
    """The learners of each call of the gradebook's writer, which here writes nothing of its own."""
    calls = []

    def enter(course_, unit, records, handed_in):
        calls.append([each.learner for each in records])
        (course_.root / "grading" / "gradebook.db").write_bytes(b"book")
        for each in records:
            path = autograded(course_, unit, each.learner)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"marked")
        return {}

    monkeypatch.setattr(gradebook, "enter", enter)
    return calls


def grade(course, **options):
    page = io.StringIO()
    terminal.grade(course, UNIT, Console(file=page, width=120), jobs=1, **options)
    return page.getvalue()


def test_the_table_has_each_learner_each_exercise_and_the_score():
    table = shown(class_table([record("ada"), record("grace", checks=[Check("soften", 2, "passed")])]))
    assert "soften" in table
    assert "kd loss" in table
    assert "2 of 5" in table
    assert "2/2" in table
    assert "mean 2" in table
    assert "✗ Not yet" in table


def test_names_and_messages_are_shown_as_they_are():
    problem = record(
        "[red]hopper",
        status="needs-review",
        checks=[Check("f", 1, "not-graded", message="The [bold]file[/] is no notebook.")],
    )
    table = shown(class_table([problem]))
    assert "[red]hopper needs review: The [bold]file[/] is no notebook." in table


def test_a_class_of_nobody_and_a_narrow_terminal_are_no_obstacle():
    assert shown(class_table([]))
    assert "ada" in shown(class_table([record()]), width=20)


def test_a_class_is_graded_entered_and_shown(course, entered, tmp_path):
    page = grade(course)
    assert "3 graded, 0 unchanged. Records: grading/records/01_soft_targets" in page
    assert all(learner in page for learner in ("ada", "grace"))
    assert [sorted(call) for call in entered] == [sorted(LEARNERS)]


def nothing(course):
    pass


def the_book_changes(course):
    (course.root / "grading" / "gradebook.db").write_bytes(b"somebody has graded by hand")


def a_marked_notebook_is_gone(course):
    autograded(course, UNIT, "ada").unlink()


def it_came_late(course):
    (submitted(course, UNIT, "ada") / "timestamp.txt").write_text("2026-11-21 10:00:00 UTC")


def a_new_version_came(course):
    hand_in(course, "ada", plan(better="now"))


@pytest.mark.parametrize(
    ("change", "times"),
    [
        (nothing, 1),
        (the_book_changes, 2),
        (a_marked_notebook_is_gone, 2),
        (it_came_late, 2),
        (a_new_version_came, 2),
    ],
)
def test_the_book_is_opened_again_where_that_can_change_it(course, entered, change, times):
    grade(course)
    change(course)
    grade(course)
    assert len(entered) == times


def test_who_is_not_entered_is_said_each_time(course, monkeypatch):
    monkeypatch.setattr(gradebook, "enter", lambda *_: {"ada": "the name is too long"})
    assert "ada is not in the gradebook: the name is too long" in grade(course)
    assert "ada is not in the gradebook: the name is too long" in grade(course)


def test_an_interrupt_says_how_far_it_came(course, entered, monkeypatch):
    def interrupted(*arguments, report, **options):
        report(classroom.Progress(record(), kept=False, done=1, total=3))
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "grade_class", interrupted)
    with pytest.raises(terminal.Interrupted, match="1 of 3 are graded: run it again"):
        grade(course)
    assert not entered


def test_the_command_hands_on_what_it_was_given(course, monkeypatch):
    from typer.testing import CliRunner

    given = {}
    monkeypatch.setattr("kdtutor.cli.grade.course", lambda: course)
    monkeypatch.setattr(terminal, "grade", lambda course_, unit, console, **options: given.update(options, unit=unit))
    words = [
        "grade",
        UNIT,
        "--submitted",
        "s",
        "--out",
        "o",
        "--jobs",
        "3",
        "--engine",
        "dask",
        "--scheduler",
        "tcp://h:1",
    ]
    outcome = CliRunner().invoke(app, [*words, "--only", "a", "--only", "b", "--regrade", "--trust-submissions"])
    assert outcome.exit_code == 0, outcome.output
    assert {key: str(value) for key, value in given.items()} == {
        "unit": UNIT,
        "submitted": "s",
        "records_dir": "o",
        "jobs": "3",
        "engine": "dask",
        "scheduler": "tcp://h:1",
        "only": "['a', 'b']",
        "regrade": "True",
        "trust": "True",
    }


def test_a_second_run_imports_neither_torch_nor_a_notebook_library(course, entered, tmp_path):
    grade(course)
    assert len(noted(tmp_path / "diary")) == 3
    code = f"""
import sys
from pathlib import Path
from rich.console import Console
from kdtutor.authoring.layout import Course
from kdtutor.grading.classroom import terminal
terminal.grade(Course.of(Path({str(course.root)!r})), {UNIT!r}, Console())
print(sorted({{"torch", "nbformat", "nbgrader", "sqlalchemy", "distributed"}} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "0 graded, 3 unchanged" in said
    assert said.splitlines()[-1] == "[]"
    assert (records_folder(course) / UNIT / ".entered").exists()
