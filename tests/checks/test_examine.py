"""What a learner is told, in which order, and what costs nothing."""

import functools
import warnings

import numpy as np
import pytest
import torch

from kdtutor.checks import Exercise, Law, Mistake, examine
from kdtutor.checks.examine import judge

double = Exercise(
    reference=lambda x: 2 * x,
    inputs=lambda g: [(torch.randn(3, generator=g),), (torch.randn(2, 2, generator=g),)],
    example=(torch.tensor([1.0, 2.0]),),
    laws=[Law("is additive", lambda f, g: torch.allclose(f(torch.ones(2)) * 2, f(2 * torch.ones(2))), "Try 1 and 2.")],
    mistakes=[
        Mistake("squared", lambda x: x**2, "You square."),
        Mistake(
            "through the graph", lambda x: x * torch.tensor(2.0) if x.numel() > 2 else x**3 * 2, "Only small ones."
        ),
    ],
    hints=("a", "b", "c"),
)


def say(solution):
    return judge("double", double, solution)


def test_the_right_answer_passes_and_says_so():
    assert say(lambda x: x + x).status == "passed"


def test_a_stub_is_not_attempted_in_every_way_a_stub_is_written():
    def dots(x):
        """Doc."""

    def passing(x):
        pass

    def unwritten(x):
        raise NotImplementedError

    for stub in (dots, passing, unwritten, None, ...):
        assert say(stub).status == "not-attempted"


def test_a_wrong_shape_is_named_before_anything_else():
    verdict = say(lambda x: (2 * x).flatten()[:1])
    assert verdict.status == "failed"
    assert "shape (1,) where (2,) is needed" in verdict.message
    assert "x of shape (2,)" in verdict.message


def test_a_numpy_answer_is_a_matter_of_type():
    assert "a ndarray where a torch.Tensor is needed" in say(lambda x: np.asarray(x) * 2).message


def test_an_integer_answer_is_a_matter_of_type():
    assert "a tensor of int64 where float32 is needed" in say(lambda x: (2 * x).long()).message


def test_a_forgotten_return_is_said_in_so_many_words():
    def forgot(x):
        x * 2

    assert "is a `return` missing?" in say(forgot).message


def test_nan_is_counted():
    assert "NaN in 2 of 2 entries" in say(lambda x: x * torch.nan).message


def test_a_broken_law_is_told_together_with_the_example_where_the_numbers_differ():
    verdict = say(lambda x: 2 * x + 0.01)
    assert "A right double is additive. Yours breaks that." in verdict.message
    assert "[2.01, 4.01], by hand it is" in verdict.message


def test_a_law_s_advice_is_given_where_everything_else_is_right():
    verdict = say(lambda x: 2 * x + (x.unique().numel() == 1))
    assert verdict.message == "A right double is additive. Yours breaks that. Try 1 and 2."


def test_a_small_constant_somewhere_is_guessed_at():
    assert "a constant that was added" in say(lambda x: 2 * x * 1.0005).message


def test_numbers_that_are_off_are_measured_and_shown_on_the_small_example():
    message = say(lambda x: 2.5 * x).message
    assert "Off by up to" in message or "is additive" in message
    assert "[2.5, 5.0]" in message
    assert len(message.splitlines()) <= 4


def test_a_known_mistake_is_named():
    assert say(lambda x: x * x).mistake == "squared"


def test_an_exception_is_shown_with_the_learner_s_own_line():
    def broken(x):
        return x.dubble()

    verdict = say(broken)
    assert verdict.status == "error"
    assert "AttributeError" in verdict.message
    assert "return x.dubble()" in verdict.message
    assert "kdtutor/checks" not in verdict.message


def test_changing_an_argument_in_place_is_refused_by_its_name():
    assert "changes its argument x in place" in say(lambda x: x.mul_(2)).message


def test_prints_and_warnings_cost_nothing_and_are_not_shown(capfd):
    def noisy(x):
        print("hello")
        warnings.warn("something", stacklevel=1)
        return 2 * x

    assert say(noisy).status == "passed"
    assert capfd.readouterr().out == ""


class Doubling:
    def __call__(self, x):
        return x * 2


@pytest.mark.parametrize("style", [Doubling(), functools.partial(torch.mul, 2), Doubling().__call__])
def test_callable_objects_partials_and_methods_are_solutions_too(style):
    assert say(style).status == "passed"


def test_a_value_where_a_function_is_wanted_is_refused():
    assert "a function is needed" in say(3.0).message


def test_the_same_solution_gets_the_same_verdict_every_time():
    verdicts = {examine("soften", lambda z, T: (z / T + 0.01).softmax(0)) for _ in range(5)}
    assert len(verdicts) == 1


def test_an_unknown_exercise_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no exercise 'softn'.*soften"):
        examine("softn", lambda: None)


def _answers(model, optimizer, loss, batches):
    return torch.zeros(2)


def test_models_optimisers_functions_and_batches_among_the_arguments_are_named_on_one_line():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    arguments = (model, torch.optim.SGD(model.parameters(), 0.1), torch.nn.functional.cross_entropy)
    exercise = Exercise(
        reference=_answers, hints=("a", "b", "c"), inputs=lambda g: [(*arguments, [(torch.eye(2), torch.zeros(1))])]
    )
    message = judge("answers", exercise, lambda *arguments: torch.ones(2)).message
    assert (
        message == "Off by up to 1 for model a Sequential, optimizer a SGD, loss cross_entropy, batches of 1 entries."
    )


def test_mistakes_are_tried_once_for_the_same_inputs_and_again_for_others(monkeypatch):
    tried = []

    def halved(x):
        tried.append(x)
        return x / 2

    exercise = Exercise(
        reference=lambda x: 2 * x,
        inputs=lambda g: [(torch.randn(3, generator=g),)],
        mistakes=[Mistake("halved", halved, "You halve.")],
        hints=("a", "b", "c"),
    )
    for secret, times in (("one", 1), ("one", 1), ("two", 2)):
        monkeypatch.setenv("KDTUTOR_SECRET", secret)
        assert judge("twice", exercise, lambda x: x / 2).mistake == "halved"
        assert judge("twice", exercise, lambda x: x * 3).mistake is None
        assert len(tried) == times


def test_two_exercises_of_one_name_do_not_share_what_was_tried():
    for factor in (2, 3):
        exercise = Exercise(
            reference=lambda x, factor=factor: factor * x,
            inputs=lambda g: [(torch.randn(3, generator=g),)],
            mistakes=[Mistake("one more", lambda x, factor=factor: (factor + 1) * x, "One less.")],
            hints=("a", "b", "c"),
        )
        assert judge("times", exercise, lambda x, factor=factor: factor * x).status == "passed"
        assert judge("times", exercise, lambda x, factor=factor: (factor + 1) * x).mistake == "one more"
