"""What an exercise is: a reference, inputs to compare on, laws that must hold, and the mistakes people make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Solution = Callable[..., Any]
Status = Literal["passed", "failed", "not-attempted", "error"]


@dataclass(frozen=True)
class Law:
    """A property that every right solution has, whatever its inputs.

    name: the property as a clause ("is zero when student and teacher agree"). holds(solution, generator): whether the
    solution has it. message: what to tell a learner whose solution is right everywhere else. edge: the property shows
    at extreme inputs only, so that it says nothing of a solution that is wrong at ordinary ones.
    """

    name: str
    holds: Callable[[Solution, torch.Generator], bool]
    message: str
    edge: bool = False


@dataclass(frozen=True)
class Mistake:
    """A mistake people make, as a program that makes it.

    name: two to six words. solution: takes the exercise's arguments and goes wrong in exactly this way (for an
    exercise whose answer is a value: the wrong value). message: what went wrong and a question or place that helps,
    never the solution. only_at_home: it shows in memory that solution and check share, as they do in the learner's
    notebook; while grading the solution is in a process of its own, and what it returns is a copy.
    """

    name: str
    solution: Any
    message: str
    only_at_home: bool = False


def as_it_is(value: Any) -> Any:
    """The plain way to look at a value: all of it."""
    return value


def call(solution: Solution, *arguments: Any) -> Any:
    """The plain way to observe a solution: what it returns."""
    return solution(*arguments)


@dataclass(frozen=True)
class Exercise:
    """One exercise and everything needed to judge it.

    reference: the right function, or the right value. inputs(generator): argument lists to compare on. laws, mistakes:
    see there. styles: right solutions written in clearly different ways, by name. hints: three, from a nudge to the
    plan; none prints the solution. example: arguments small enough to show. observe(solution, *arguments): what to
    compare, where that is more than the returned value (a gradient, a model after a step). view(value): for an answer
    that is a value of which many are right (a file that can be read): what is compared, and said where it is wrong.
    parts: names of the further checks that the same answer has, if any.
    rtol, atol: a number is right within atol + rtol · |reference|.
    """

    reference: Any
    hints: tuple[str, str, str]
    inputs: Callable[[torch.Generator], Sequence[tuple[Any, ...]]] = field(default=lambda generator: [()])
    laws: Sequence[Law] = ()
    mistakes: Sequence[Mistake] = ()
    styles: Mapping[str, Any] = field(default_factory=dict)
    example: tuple[Any, ...] | None = None
    observe: Callable[..., Any] = call
    view: Callable[[Any], Any] = as_it_is
    parts: tuple[str, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-5

    @property
    def wants_a_value(self) -> bool:
        """Whether the learner's answer is a value rather than a function."""
        return not callable(self.reference)


@dataclass(frozen=True)
class Verdict:
    """What is said of a solution. mistake: the name of the known mistake it makes, where it makes one."""

    exercise: str
    status: Status
    mistake: str | None
    message: str
