"""The commands that tell what grading found: feedback, report and check, as they are typed."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from kdtutor import cli
from kdtutor.grading import places
from kdtutor.grading.records.record import Check, record_path
from tests.grading.course_folder import course_in, keep
from tests.grading.pages import UNIT, record

Command = Callable[..., SimpleNamespace]


@pytest.fixture
def kdtutor(monkeypatch, capsys) -> Command:
    """kdtutor(*arguments, cwd=...): the command in this process, which spares the import of torch each time."""

    def run(*arguments: str, cwd: Path | None = None) -> SimpleNamespace:
        if cwd is not None:
            monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["kdtutor", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code or 0, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def course(tmp_path):
    course = course_in(tmp_path / "course", solved=False)
    keep(course, record("ada"), record("bob", [Check("soften", 2, "passed")]))
    return course


def test_help_names_them(kdtutor):
    shown = kdtutor("--help").stdout
    for command in ("check", "feedback", "report"):
        assert f" {command} " in shown


def test_feedback_says_how_many_pages_it_wrote_and_where(kdtutor, course):
    outcome = kdtutor("feedback", UNIT, cwd=course.root)
    assert outcome.returncode == 0
    assert f"2 of 2 pages: {course.root / 'grading' / 'feedback'}" in outcome.stdout
    assert places.feedback_page(course, UNIT, "bob").is_file()


def test_feedback_names_who_got_no_page_and_why(kdtutor, course):
    path = record_path(places.records_folder(course), UNIT, "bob")
    path.write_bytes(path.read_bytes().replace(b'"verdict":"passed"', b'"verdict":"[bold]"'))
    outcome = kdtutor("feedback", UNIT, cwd=course.root)
    assert outcome.returncode == 1
    assert "1 of 2 pages" in outcome.stdout
    assert "bob: bob.json: verdict is '[bold]'" in outcome.stdout


def test_report_prints_where_the_page_lies(kdtutor, course):
    outcome = kdtutor("report", UNIT, "--anonymous", cwd=course.root)
    assert outcome.returncode == 0
    assert outcome.stdout.strip() == str(course.root / "grading" / "reports" / f"{UNIT}-anonymous.html")
    page = (course.root / "grading" / "reports" / f"{UNIT}-anonymous.html").read_text(encoding="utf-8")
    assert "Learner 1" in page


@pytest.mark.parametrize("command", ["check", "feedback", "report"])
def test_an_unknown_unit_is_one_sentence_and_exit_status_one(kdtutor, course, command):
    outcome = kdtutor(command, "99_nothing", cwd=course.root)
    assert outcome.returncode == 1
    assert "99_nothing" in outcome.stderr
    assert "Traceback" not in outcome.stderr
