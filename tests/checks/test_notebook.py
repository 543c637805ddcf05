"""check, hint, use, predict and reveal as a learner calls them."""

import pytest
import torch

from kdtutor.checks import CheckFailed, check, hint, predict, reveal, use
from kdtutor.checks.notebook import Note
from kdtutor.distill import soften as reference


@pytest.fixture(autouse=True)
def _not_grading(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def in_a_notebook(source: str, **names):
    """Run a cell's source the way a notebook does: its names are globals of the calling frame."""
    names = {"check": check, "hint": hint, "use": use, "torch": torch, **names}
    exec(source, names)
    return names


def test_check_finds_the_exercise_by_the_name_the_notebook_holds_it_under(capsys):
    in_a_notebook("soften = lambda z, T: (z / T).softmax(-1)\ncheck(soften)")
    assert "soften: passed" in capsys.readouterr().out


@pytest.mark.parametrize("empty", ["None", "..."])
def test_an_answer_that_is_still_empty_is_found_by_its_name_alone(capsys, empty):
    in_a_notebook(f"which_divergence = {empty}\ncheck(which_divergence)")
    assert "which_divergence: not attempted" in capsys.readouterr().out


def test_check_shows_the_named_mistake_and_lets_the_notebook_run_on(capsys):
    in_a_notebook("soften = lambda z, T: (z * T).softmax(-1)\ncheck(soften)\nprint('on')")
    shown = capsys.readouterr().out
    assert "soften: not yet (temperature multiplied)" in shown
    assert shown.rstrip().endswith("on")


def test_check_raises_while_nbgrader_executes(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(CheckFailed, match="temperature multiplied"):
        in_a_notebook("soften = lambda z, T: (z * T).softmax(-1)\ncheck(soften)")
    in_a_notebook("soften = lambda z, T: (z / T).softmax(-1)\ncheck(soften)")


def test_an_answer_under_no_exercise_s_name_is_told_to_take_one():
    with pytest.raises(ValueError, match="under the name that the exercise asks for"):
        in_a_notebook("softly = lambda z, T: z\ncheck(softly)")


def test_hints_come_one_by_one_and_begin_again(capsys):
    for _ in range(4):
        in_a_notebook("def entropy(p): ...\nhint(entropy)")
    shown = capsys.readouterr().out
    assert [shown.count(f"Hint {i} of 3") for i in (1, 2, 3)] == [2, 1, 1]


def test_use_returns_the_learner_s_solution_once_it_passes_and_says_so_before(capsys):
    mine = in_a_notebook("soften = lambda z, T: (z / T).softmax(-1)\nchosen = use(soften)")
    assert mine["chosen"] is mine["soften"]
    assert capsys.readouterr().out == ""
    untouched = in_a_notebook("def soften(z, T): ...\nchosen = use(soften)")
    assert untouched["chosen"] is reference
    assert "kdtutor's soften" in capsys.readouterr().out


def test_predictions_are_kept_and_set_beside_the_measurement(capsys):
    predict("a question", ...)
    assert "No prediction yet" in capsys.readouterr().out
    reveal("a question", 2.0)
    assert "made no prediction" in capsys.readouterr().out
    predict("a question", 4.0)
    reveal("a question", 2.0)
    assert "You predicted 4: 2 times the measured value" in capsys.readouterr().out
    predict("another", "Q")
    reveal("another", "0")
    assert "you predicted Q" in capsys.readouterr().out


def test_what_a_learner_wrote_is_escaped_in_html():
    assert "<script>" not in Note("x", "<script>alert(1)</script>", "#000")._repr_html_()
