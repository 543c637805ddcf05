"""What a solution does on an exercise's cases, and what each known mistake does there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kdtutor.checks.exercise import Exercise, Law
from kdtutor.checks.observe import Raised, Returned, observe
from kdtutor.checks.secret import secret, secret_generator


@dataclass(frozen=True)
class Behaviour:
    """What a solution did: an outcome a case, the laws it broke, the argument it changed."""

    outcomes: Sequence[Returned | Raised]
    broken: Sequence[Law]
    changed: int | None


def behaviour(exercise: Exercise, solution: Any, cases: Sequence[tuple[Any, ...]]) -> Behaviour:
    """Try a solution on the cases and hold it against the exercise's laws."""
    if exercise.wants_a_value:
        seen = observe(lambda view: view(solution), exercise.view, ())
        return Behaviour([seen], [law for law in exercise.laws if not _holds(law, solution)], None)
    outcomes = [observe(exercise.observe, solution, case) for case in cases]
    if all(isinstance(outcome, Raised) for outcome in outcomes):
        return Behaviour(outcomes, [], None)
    broken = [law for law in exercise.laws if not _holds(law, solution)]
    changed = (outcome.changed for outcome in outcomes if isinstance(outcome, Returned) and outcome.changed is not None)
    return Behaviour(outcomes, broken, next(changed, None))


_seen: dict[str, tuple[Exercise, str, list[Behaviour]]] = {}


def of_reference(name: str, exercise: Exercise, cases: Sequence[tuple[Any, ...]]) -> Behaviour:
    """The behaviour of the reference. cases: as the secret of now draws them."""
    return _of_ours(f"reference of {name}", exercise, [exercise.reference], cases)[0]


def of_mistakes(name: str, exercise: Exercise, cases: Sequence[tuple[Any, ...]]) -> list[Behaviour]:
    """The behaviour of each known mistake, in their order. cases: as the secret of now draws them."""
    return _of_ours(f"mistakes of {name}", exercise, [mistake.solution for mistake in exercise.mistakes], cases)


def _of_ours(key: str, exercise: Exercise, ours: Sequence[Any], cases: Sequence[tuple[Any, ...]]) -> list[Behaviour]:
    """The secret alone decides it, so it is found once and kept while that stays: a learner's next try is judged at
    once, however long our own solutions take.
    """
    kept = _seen.get(key)
    if kept is None or kept[0] is not exercise or kept[1] != secret():
        found = [behaviour(exercise, solution, cases) for solution in ours]
        kept = _seen[key] = exercise, secret(), found
    return kept[2]


def _holds(law: Law, solution: Any) -> bool:
    outcome = observe(law.holds, solution, (secret_generator(law.name),))
    return isinstance(outcome, Returned) and bool(outcome.value)
