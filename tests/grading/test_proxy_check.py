"""The course's own check engine, run outside on stand-ins for what a learner's process holds."""

import pytest
import torch

from kdtutor.checks import CheckFailed, check, examine
from kdtutor.checks.registry import exercises_by_unit
from kdtutor.checks.untouched import untouched as untouched_outside
from kdtutor.grading.crossing.agent import untouched as untouched_inside

UNITS = ("00_start_here", "01_soft_targets")
EXERCISES = [(name, exercise) for unit in UNITS for name, exercise in exercises_by_unit()[unit].items()]
CELL = """
from kdtutor.checks.registry import find

exercise = find({name!r})
for number, mistake in enumerate(exercise.mistakes):
    globals()[f"mistake_{{number}}"] = mistake.solution
for number, style in enumerate(exercise.styles.values()):
    globals()[f"style_{{number}}"] = style
"""


@pytest.mark.parametrize(("name", "exercise"), EXERCISES, ids=[name for name, _ in EXERCISES])
def test_every_right_style_passes_and_every_known_mistake_gets_its_name(learner, name, exercise):
    inside = learner(CELL.format(name=name), timeout=60)
    for number, style in enumerate(exercise.styles):
        verdict = examine(name, inside.stand_in(f"style_{number}"))
        assert verdict.status == "passed", f"{style}: {verdict}"
    for number, mistake in enumerate(exercise.mistakes):
        verdict = examine(name, inside.stand_in(f"mistake_{number}"))
        assert (verdict.status, verdict.mistake) == ("failed", mistake.name)


NOTEBOOK = '''
import torch

def soften(logits, temperature):
    """Probabilities of softened logits."""
    # Your code here
    ...

def entropy(probs):
    raise NotImplementedError

def kl_divergence(p, q):
    print("noise")
    scale = q.sum() / 0
    return p.kl(q)

def kd_loss(student_logits, teacher_logits, temperature):
    student_logits.mul_(2)
    return student_logits.sum()

class Gradient:
    def __call__(self, s, t, T):
        return T / len(s) * ((s / T).softmax(1) - (t / T).softmax(1))

kd_gradient = Gradient()
which_divergence = ...
'''


def test_stubs_are_not_attempted_and_other_answers_get_the_words_they_get_at_home(learner):
    inside = learner(NOTEBOOK)
    assert examine("soften", inside.stand_in("soften")).status == "not-attempted"
    assert examine("entropy", inside.stand_in("entropy")).status == "not-attempted"
    assert examine("which_divergence", inside.stand_in("which_divergence")).status == "not-attempted"
    assert examine("kd_gradient", inside.stand_in("kd_gradient")).status == "passed"
    verdict = examine("kl_divergence", inside.stand_in("kl_divergence"))
    assert verdict.status == "error"
    assert "AttributeError" in verdict.message
    assert "line 15: return p.kl(q)" in verdict.message
    assert "in-place" in examine("kd_loss", inside.stand_in("kd_loss")).message


def test_a_change_of_an_argument_in_place_is_seen(learner):
    inside = learner("def soften(z, T):\n    z -= 1\n    return (z / T).softmax(-1)\n")
    assert "changes its argument logits in place" in examine("soften", inside.stand_in("soften")).message


def test_a_check_cell_runs_unchanged_on_a_stand_in(learner, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    soften = learner("def soften(z, T):\n    return (z * T).softmax(-1)").stand_in("soften")
    with pytest.raises(CheckFailed, match="temperature multiplied"):
        check(soften)


def test_a_style_with_a_numpy_answer_is_told_its_type(learner):
    inside = learner("import numpy\ndef soften(z, T):\n    return numpy.exp(z.numpy())\n")
    assert "a ndarray where a torch.Tensor is needed" in examine("soften", inside.stand_in("soften")).message


def test_the_inside_s_idea_of_an_untouched_function_is_the_check_s():
    def documented():
        """Text."""

    def dotted(): ...

    def with_cell(x):
        return lambda: x

    def constant():
        return 1

    def returns_none():
        return None

    for function in (documented, dotted, with_cell, constant, returns_none, lambda: ..., torch.relu):
        assert untouched_inside(function) == untouched_outside(function)
