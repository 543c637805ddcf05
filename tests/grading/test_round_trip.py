"""Release, hand in, grade, give back: the sample class gets exactly the points it has earned."""

from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from kdtutor.authoring import Course
from kdtutor.grading.demo import UNIT, grade_demo

COURSE = Course.of(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    scores = grade_demo(COURSE, tmp_path_factory.mktemp("class") / "demo")
    return {score.record.learner: score for score in scores}


@pytest.mark.notebooks
def test_each_learner_of_the_sample_class_gets_exactly_the_points_earned(graded):
    assert {learner: score.record.score for learner, score in graded.items()} == {
        "complete": 12,
        "untouched": 0,
        "no-squared-temperature": 9,
        "directions-swapped": 10,
        "mean-over-classes": 10,
        "syntax-error": 9,
        "endless-loop": 10,
        "warns": 12,
    }
    assert {score.record.max_score for score in graded.values()} == {12}


@pytest.mark.notebooks
@pytest.mark.parametrize(
    ("learner", "words"),
    [
        ("no-squared-temperature", "no T²"),
        ("directions-swapped", "directions swapped"),
        ("mean-over-classes", "mean over classes"),
        ("syntax-error", "SyntaxError"),
        ("untouched", "Not attempted"),
        ("complete", "6 passed"),
    ],
)
def test_a_feedback_page_says_what_was_wrong_by_its_name(graded, learner, words):
    assert words in graded[learner].feedback.read_text(encoding="utf-8")


@pytest.mark.notebooks
def test_one_learner_s_fault_costs_that_check_alone(graded):
    assert verdicts(graded["endless-loop"])["entropy"] == "timeout"
    assert verdicts(graded["endless-loop"])["kl_divergence"] == "passed"
    assert verdicts(graded["syntax-error"])["kd_loss"] == "error"
    assert verdicts(graded["syntax-error"])["kd_gradient"] == "passed"


def verdicts(score):
    return {check.name: check.verdict for check in score.record.checks}


@pytest.mark.notebooks
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_the_scores_are_in_the_class_s_gradebook(graded):
    folder = graded["complete"].feedback.parents[3]
    with Gradebook(f"sqlite:///{(folder / 'gradebook.db').as_posix()}") as gradebook:
        entered = {each.student.id: each.score for each in gradebook.assignment_submissions(UNIT)}
    assert entered == {learner: score.record.score for learner, score in graded.items()}
