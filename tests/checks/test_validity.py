"""The matrix: each known mistake is refused by its own name, each right style passes, nothing is earned for nothing."""

import time
from contextlib import nullcontext

import pytest

from kdtutor.checks import examine
from kdtutor.checks.registry import exercises_by_unit
from kdtutor.checks.validity import validity

EXERCISES = [(unit, name, exercise) for unit, here in exercises_by_unit().items() for name, exercise in here.items()]
NAMES = [name for _, name, _ in EXERCISES]


@pytest.mark.parametrize("unit", exercises_by_unit())
def test_every_mistake_is_named_every_style_accepted_and_nothing_undeserving_passes(unit):
    for row in validity(unit):
        assert not row.faults, f"{row.exercise}: {'; '.join(row.faults)}"


@pytest.mark.parametrize(("unit", "name", "exercise"), EXERCISES, ids=NAMES)
def test_an_exercise_ships_with_five_mistakes_three_styles_and_three_hints(unit, name, exercise):
    assert len(exercise.mistakes) >= 5
    assert len(exercise.styles) >= 3
    assert len(exercise.hints) == 3
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)


@pytest.mark.parametrize(("unit", "name", "exercise"), EXERCISES, ids=NAMES)
def test_what_a_check_says_is_at_most_four_lines_and_shows_no_traceback(unit, name, exercise):
    for mistake in exercise.mistakes:
        message = examine(name, mistake.solution).message
        assert len(message.splitlines()) <= 4
        assert "Traceback" not in message
        assert "kdtutor/" not in message


@pytest.mark.parametrize(("unit", "name", "exercise"), EXERCISES, ids=NAMES)
def test_a_check_answers_within_two_seconds_even_when_it_has_to_search_all_mistakes(
    unit, name, exercise, machine, monkeypatch
):
    solution = (
        "another answer" if exercise.wants_a_value else (lambda *arguments: exercise.reference(*arguments) * 1.37)
    )
    for company in (nullcontext, machine.alone):  # beside another test, which is harder; else alone
        monkeypatch.setenv("KDTUTOR_SECRET", company.__name__)  # with other inputs no mistake has been tried yet
        with company():
            began = time.perf_counter()
            # an answer that cannot be multiplied (a dictionary, a model) makes the solution raise: searched alike
            assert examine(name, solution).status in {"failed", "error"}
            seconds = time.perf_counter() - began
        if seconds < 2:
            break
    assert seconds < 2
