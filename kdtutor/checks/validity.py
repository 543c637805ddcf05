"""Does the check itself hold? Every known mistake, every right style, and answers that deserve nothing, examined."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from kdtutor.checks.examine import judge
from kdtutor.checks.exercise import Exercise, Verdict
from kdtutor.checks.registry import exercises_by_unit, exercises_of
from kdtutor.checks.secret import secret_generator


@dataclass(frozen=True)
class Validity:
    """How the check of one exercise fared. `faults` says in a sentence each what it got wrong."""

    unit: str
    exercise: str
    mistakes: int
    mistakes_named: int
    styles: int
    styles_accepted: int
    undeserving: int
    undeserving_refused: int
    faults: tuple[str, ...]


def validity(unit: str | None = None) -> list[Validity]:
    """Examine the checks of one unit, or of all.

    Raises ValueError for a unit that has no exercises.
    """
    chosen = exercises_by_unit() if unit is None else {unit: exercises_of(unit)}
    return [_row(u, name, exercise) for u, exercises in chosen.items() for name, exercise in exercises.items()]


def _row(unit: str, name: str, exercise: Exercise) -> Validity:
    faults = []
    named = accepted = refused = 0
    for mistake in exercise.mistakes:
        verdict = judge(name, exercise, mistake.solution)
        if (verdict.status, verdict.mistake) == ("failed", mistake.name):
            named += 1
        else:
            faults.append(f"the mistake {mistake.name!r} was answered {_said(verdict)}")
    for style, solution in exercise.styles.items():
        verdict = judge(name, exercise, solution)
        if verdict.status == "passed":
            accepted += 1
        else:
            faults.append(f"the right style {style!r} was answered {_said(verdict)}: {verdict.message}")
    undeserving = list(_undeserving(name, exercise))
    for what, solution, wanted in undeserving:
        verdict = judge(name, exercise, solution)
        if verdict.status in wanted:
            refused += 1
        else:
            faults.append(f"{what} was answered {_said(verdict)}")
    return Validity(
        unit=unit,
        exercise=name,
        mistakes=len(exercise.mistakes),
        mistakes_named=named,
        styles=len(exercise.styles),
        styles_accepted=accepted,
        undeserving=len(undeserving),
        undeserving_refused=refused,
        faults=tuple(faults),
    )


def _undeserving(name: str, exercise: Exercise) -> Iterator[tuple[str, Any, set[str]]]:
    """Answers that earn nothing, with the statuses they may get."""
    yield "no answer", ..., {"not-attempted"}
    refused = {"failed", "error"}
    if exercise.wants_a_value:
        yield "an empty text", "", refused
        yield "a function", lambda *arguments: exercise.reference, refused
        return
    yield "an untouched stub", _stub, {"not-attempted"}
    yield "a stub that raises NotImplementedError", _unwritten, {"not-attempted"}
    for constant in (0.0, 1.0, torch.zeros(()), True):
        yield f"the constant {constant}", lambda *arguments, c=constant: c, refused
    first_case = next(iter(exercise.inputs(secret_generator(name))))
    answer = exercise.reference(*first_case)
    yield "the answer to the first input, always", lambda *arguments: answer, refused
    yield "an exception", _failing, {"error"}
    for position in range(len(first_case)):
        yield f"argument {position} returned", lambda *arguments, i=position: arguments[i], refused
    yield "a value where a function is wanted", 1.0, refused


def _stub(*arguments: Any) -> Any:
    """A docstring and nothing else."""


def _unwritten(*arguments: Any) -> Any:
    raise NotImplementedError


def _failing(*arguments: Any) -> Any:
    raise RuntimeError("a solution that cannot run")


def _said(verdict: Verdict) -> str:
    return f"{verdict.status} ({verdict.mistake})" if verdict.mistake else verdict.status
