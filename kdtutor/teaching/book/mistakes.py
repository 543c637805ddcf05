"""The known mistakes of an exercise, with what to say about each."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kdtutor.checks import Exercise

FEW = 6  # numbers that are shown of an effect


@dataclass(frozen=True)
class KnownMistake:
    """said: what the check tells the learner. effect: what it gives on the exercise's example; "" without one."""

    name: str
    said: str
    effect: str


@dataclass(frozen=True)
class Talk:
    """What to have at hand for one exercise.

    is_value: it asks for a value, not a function. right: that value, or what the reference gives on the example.
    """

    name: str
    is_value: bool
    right: str
    mistakes: tuple[KnownMistake, ...]
    laws: tuple[tuple[str, str], ...]
    hints: tuple[str, ...]


def talk(name: str, exercise: Exercise) -> Talk:
    """Everything that the checks know of an exercise's mistakes."""
    return Talk(
        name=name,
        is_value=exercise.wants_a_value,
        right=_effect(exercise, exercise.reference),
        mistakes=tuple(
            KnownMistake(mistake.name, mistake.message, _effect(exercise, mistake.solution))
            for mistake in exercise.mistakes
        ),
        laws=tuple((law.name, law.message) for law in exercise.laws),
        hints=tuple(exercise.hints),
    )


def _effect(exercise: Exercise, solution: Any) -> str:
    if exercise.wants_a_value:
        text = repr(solution)
        return text if len(text) <= 60 else ""
    example = exercise.example
    return "" if example is None else _shown(lambda: exercise.observe(solution, *_fresh(example)))


def _fresh(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.clone() if isinstance(value, Tensor) else value for value in arguments)


def _shown(observed: Callable[[], Any]) -> str:
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mistake may well be one that torch warns of
            value = observed()
    except Exception as error:
        return f"raises {type(error).__name__}"
    if isinstance(value, Tensor) and 0 < value.numel() <= FEW and not value.is_complex():
        return str(_rounded(value.detach().tolist()))
    return str(_rounded(value)) if isinstance(value, bool | int | float) else ""


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
