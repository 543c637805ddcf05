"""A learner's own run: what grading would say of the visible checks, from the notebook as it was worked on."""

import io

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.utils import compute_checksum
from rich.console import Console
from typer.testing import CliRunner

from kdtutor.cli import app
from kdtutor.grading import places, practice_table
from kdtutor.grading.handed_in.submission import Unreadable
from kdtutor.grading.practice import KEY, Practice, as_handed_out, practise, visible
from kdtutor.grading.records.record import Check, verify
from tests.grading.course_folder import course_in
from tests.grading.pages import HOSTILE, UNIT, UNSEEN, record

RIGHT_SOFTEN = "def soften(logits, temperature):\n    return (logits / temperature).softmax(-1)"
SWAPPED = (
    "import torch\ndef kl_divergence(p, q):\n    return (torch.special.xlogy(q, q) - torch.special.xlogy(q, p)).sum(-1)"
)
LEANS_ON_THE_REFERENCE = "from kdtutor.distill import kd_loss"
RAISES = "def kd_gradient(student_logits, teacher_logits, temperature):\n    raise TypeError('no gradient here')"
ANSWER = {"grade": True, "grade_id": "why_soft", "locked": False, "points": 3, "schema_version": 3, "solution": True}
ANSWER |= {"cell_type": "markdown", "task": False}


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)


def worked_on(course):
    """The unit's own notebook after an hour's work, saved in its place."""
    path = course.learner_notebook(UNIT)
    notebook = nbformat.read(path, as_version=4)
    answer = new_markdown_cell("*Your answer here.*", metadata={"nbgrader": dict(ANSWER)})
    answer.metadata["nbgrader"]["checksum"] = compute_checksum(answer)
    notebook.cells.append(answer)
    cell_of(notebook, "soften").source = RIGHT_SOFTEN
    cell_of(notebook, "kl_divergence").source = SWAPPED
    cell_of(notebook, "kd_loss").source = LEANS_ON_THE_REFERENCE
    cell_of(notebook, "kd_gradient").source = RAISES
    cell_of(notebook, "check_soften").source = "this is no Python at all ("
    notebook.cells.insert(0, new_code_cell("from kdtutor.checks import check_all"))
    copy = new_code_cell("soften = None", metadata=dict(cell_of(notebook, "soften").metadata))
    notebook.cells.append(copy)
    notebook.cells.append(new_code_cell("check_all()"))
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    course = course_in(tmp_path_factory.mktemp("learner") / "course", solved=False)
    path = worked_on(course)
    before = path.read_bytes()
    practice = practise(course, UNIT)
    assert path.read_bytes() == before
    assert not places.key_file(course).exists()
    return practice


def test_each_visible_check_gets_the_verdict_that_grading_gives(run):
    found = {check.name: (check.verdict, check.mistake) for check in run.record.checks}
    assert found["soften"] == ("passed", None)
    assert found["entropy"] == ("not-attempted", None)
    assert found["kl_divergence"] == ("failed", "directions swapped")
    assert found["kd_gradient"] == ("error", None)
    assert found["which_divergence"] == ("not-attempted", None)
    assert run.record.max_score == 12


def test_who_leans_on_the_course_s_reference_learns_here_that_grading_has_none(run):
    check = next(check for check in run.record.checks if check.name == "kd_loss")
    assert check.verdict == "error"
    assert "is not there while your work is graded" in check.message


def test_what_grading_would_put_right_is_told(run):
    told = " ".join(run.record.repairs)
    assert "The cell check_soften is read-only" in told
    assert "The cell soften stood there 2 times" in told


def test_answers_for_a_person_are_told_by_whether_anything_was_written(run):
    assert run.answers == {"why_soft": False}


def test_the_run_knows_neither_the_course_s_key_nor_a_hidden_test(run):
    assert verify(run.record, KEY)
    assert bytes(32) == KEY


def test_another_notebook_can_be_named(tmp_path):
    course = course_in(tmp_path / "course")
    found = practise(course, UNIT, course.solved_notebook(UNIT))
    assert {check.verdict for check in found.record.checks} == {"passed"}


def test_a_notebook_as_handed_out_stays_as_it_is_and_work_becomes_empty(tmp_path):
    course = course_in(tmp_path / "course", solved=False)
    released = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    assert as_handed_out(released) == released
    done = nbformat.read(worked_on(course), as_version=4)
    mended = as_handed_out(done)
    assert cell_of(mended, "soften").source == ""
    assert cell_of(mended, "entropy").source == cell_of(released, "entropy").source
    assert cell_of(mended, "check_soften").source == "from kdtutor.checks import check\n\ncheck(soften)"
    names = [cell.metadata["nbgrader"]["grade_id"] for cell in mended.cells if "nbgrader" in cell.metadata]
    assert len(names) == len(set(names))


def test_a_notebook_without_checks_is_refused_in_words():
    with pytest.raises(ValueError, match="holds no check of 01_soft_targets"):
        visible(UNIT, nbformat.v4.new_notebook(cells=[new_code_cell("1")]))


def test_a_broken_notebook_is_refused_in_the_words_that_grading_has_for_it(tmp_path):
    course = course_in(tmp_path / "course", solved=False)
    course.learner_notebook(UNIT).write_text('{"cells": [')
    with pytest.raises(Unreadable, match="its JSON is broken in line 1"):
        practise(course, UNIT)


def test_what_is_not_there_is_said_with_what_is(tmp_path):
    course = course_in(tmp_path / "course", solved=False)
    with pytest.raises(FileNotFoundError, match="units are 01_soft_targets"):
        practise(course, "09_x")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.ipynb is not there"):
        practise(course, UNIT, tmp_path / "nowhere.ipynb")


def test_where_the_grader_cannot_run_the_one_liner_is_named(tmp_path, monkeypatch):
    course = course_in(tmp_path / "course", solved=False)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(RuntimeError, match="check_all"):
        practise(course, UNIT)


def printed(practice):
    out = io.StringIO()
    passed = practice_table.show(practice, Console(file=out, width=200, color_system=None))
    return out.getvalue(), passed


def test_the_table_says_everything_in_words(run):
    shown, passed = printed(run)
    assert not passed
    for words in (
        "✓ Passed",
        "✗ Not yet (directions swapped)",
        "2 of 2",
        "Grading would put right",
        "why_soft: nothing",
    ):
        assert words in shown
    assert "2 of 12 points by the visible checks" in shown


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_steers_no_terminal(text):
    given = record(checks=[Check("soften", 2, "failed", text, text)], repairs=[text])
    shown, _ = printed(Practice(given, {text: True}))
    assert not UNSEEN.search(shown)
    if "bold" in text:
        assert "[bold red]not rich's[/]" in shown


def test_the_command_prints_the_table_and_ends_with_its_verdict(tmp_path, monkeypatch, run):
    course = course_in(tmp_path / "course", solved=False)
    monkeypatch.chdir(course.root)
    asked = []
    monkeypatch.setattr("kdtutor.grading.practice.practise", lambda *given: asked.append(given) or run)
    outcome = CliRunner().invoke(app, ["check", UNIT])
    assert outcome.exit_code == 1
    assert "2 of 12 points" in outcome.output
    assert asked[0][1:] == (UNIT, None)
    done = Practice(record(checks=[Check("soften", 2, "passed")]), {})
    monkeypatch.setattr("kdtutor.grading.practice.practise", lambda *given: asked.append(given) or done)
    assert CliRunner().invoke(app, ["check", UNIT, "my.ipynb"]).exit_code == 0
    assert str(asked[1][2]) == "my.ipynb"
