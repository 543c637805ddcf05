"""The judgement: untouched, right, or what is wrong with it, said once and by its name."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from kdtutor.checks.behaviour import Behaviour, behaviour, of_mistakes, of_reference
from kdtutor.checks.difference import Difference, difference
from kdtutor.checks.exercise import Exercise, Mistake, Verdict, as_it_is
from kdtutor.checks.observe import Raised, Returned, observe
from kdtutor.checks.registry import find
from kdtutor.checks.secret import secret_generator
from kdtutor.checks.untouched import untouched

PASSED = "Every value, shape and law agrees with the reference."


def examine(exercise_name: str, solution: Any) -> Verdict:
    """Judge `solution` as an answer to the exercise called `exercise_name`.

    Returns a Verdict: "not-attempted" for a stub, "passed", "error" where the solution raised, otherwise "failed" with
    the name of the known mistake it makes, if it makes one, and at most four lines of message.
    Raises ValueError for a name that no unit has; never for anything the solution does.
    """
    return judge(exercise_name, find(exercise_name), solution)


def judge(name: str, exercise: Exercise, solution: Any) -> Verdict:
    """`examine` for an exercise at hand. On one thread: the tensors are tiny, and waiting for a second costs more."""
    with _one_thread():
        return _judge(name, exercise, solution)


def _judge(name: str, exercise: Exercise, solution: Any) -> Verdict:
    if untouched(solution):
        return Verdict(name, "not-attempted", None, f"{name} is still empty. Write it above, run it, then run this.")
    if not exercise.wants_a_value and not callable(solution):
        return Verdict(name, "failed", None, f"{name} is a {type(solution).__name__}: a function is needed.")
    if exercise.wants_a_value and type(solution) is not type(exercise.reference) and not callable(solution):
        return Verdict(
            name, "failed", None, f"{name} is a {type(solution).__name__}: a {_kind_wanted(exercise)} is needed."
        )
    if exercise.wants_a_value and callable(solution):
        return Verdict(name, "failed", None, f"{name} is a function: a value is needed.")
    cases = [*([exercise.example] if exercise.example else []), *exercise.inputs(secret_generator(name))]
    wanted = of_reference(name, exercise, cases)
    found = behaviour(exercise, solution, cases)
    errors = [outcome.error for outcome in found.outcomes if isinstance(outcome, Raised)]
    if any(isinstance(error, NotImplementedError) for error in errors):
        return Verdict(name, "not-attempted", None, f"{name} raises NotImplementedError: it is not written yet.")
    if _agree(exercise, found, wanted) and not found.broken and found.changed is None:
        words = PASSED if exercise.view is as_it_is else f"{str(exercise.view(solution)).capitalize()}."
        return Verdict(name, "passed", None, words)
    mistake = _known_mistake(name, exercise, found, wanted, cases)
    if mistake is not None:
        return Verdict(name, "failed", mistake.name, mistake.message)
    pairs = zip(cases, found.outcomes, strict=True)
    raised = next(((case, outcome) for case, outcome in pairs if isinstance(outcome, Raised)), None)
    if raised is not None:
        return Verdict(name, "error", None, _words_of_error(name, exercise, *raised))
    return Verdict(name, "failed", None, _complaint(name, exercise, solution, found, wanted, cases))


def _kind_wanted(exercise: Exercise) -> str:
    return "text in quotation marks" if isinstance(exercise.reference, str) else type(exercise.reference).__name__


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _difference(exercise: Exercise, found: Returned | Raised, wanted: Returned | Raised) -> Difference | None:
    if isinstance(found, Raised) or isinstance(wanted, Raised):
        if isinstance(found, Raised) and isinstance(wanted, Raised) and type(found.error) is type(wanted.error):
            return None
        return Difference("type", "an exception")
    return difference(found.value, wanted.value, exercise.rtol, exercise.atol)


def _agree(exercise: Exercise, found: Behaviour, wanted: Behaviour) -> bool:
    pairs = zip(found.outcomes, wanted.outcomes, strict=True)
    return all(_difference(exercise, f, w) is None for f, w in pairs)


def _known_mistake(
    name: str, exercise: Exercise, found: Behaviour, wanted: Behaviour, cases: Sequence[tuple[Any, ...]]
) -> Mistake | None:
    """The mistake that behaves as this solution does: the same answers, and among those the same broken laws.

    Where the answers are the reference's own, the laws alone tell, so there the broken laws must be the same.
    """
    answers_right = _agree(exercise, found, wanted)
    known = zip(exercise.mistakes, of_mistakes(name, exercise, cases), strict=True)
    alike = [(m, b) for m, b in known if _agree(exercise, found, b)]
    exact = [m for m, b in alike if _law_names(b) == _law_names(found) and b.changed == found.changed]
    if exact or answers_right:
        return exact[0] if exact else None
    return alike[0][0] if alike else None


def _law_names(behaviour: Behaviour) -> set[str]:
    return {law.name for law in behaviour.broken}


def _complaint(
    name: str,
    exercise: Exercise,
    solution: Any,
    found: Behaviour,
    wanted: Behaviour,
    cases: Sequence[tuple[Any, ...]],
) -> str:
    """What to say of a solution that makes no known mistake: shape, type, NaN, a law, then the numbers."""
    triples = zip(cases, found.outcomes, wanted.outcomes, strict=True)
    differences = [(case, _difference(exercise, f, w)) for case, f, w in triples]
    by_kind = {kind: (case, d) for case, d in reversed(differences) if d for kind in [d.kind]}
    for kind in ("shape", "type", "nan"):
        if kind in by_kind:
            case, d = by_kind[kind]
            if d.words.startswith("None "):
                return f"{name} returns None: is a `return` missing?"
            return f"{name} returned {d.words}{_given(exercise, case)}."
    if found.changed is not None:
        return f"{name} changes its argument {_parameter(exercise, found.changed)} in place: work on a copy."
    if "numbers" not in by_kind:
        law = found.broken[0]
        return f"A right {name} {law.name}. Yours breaks that. {law.message}"
    case, d = by_kind["numbers"]
    if exercise.wants_a_value:
        return _words_of_value(name, exercise, solution)
    shown = _shown_example(name, exercise, solution)
    plain = [law for law in found.broken if not law.edge]
    off = f"Off by up to {d.size:.3g}{_given(exercise, case)}."
    if plain:
        said = f"A right {name} {plain[0].name}. Yours breaks that."
        return "\n".join([said, *(shown or [off])])
    if d.small:
        off += " So little may be a constant that was added, such as one inside a logarithm."
    return "\n".join([off, *shown])


def _words_of_value(name: str, exercise: Exercise, value: Any) -> str:
    if exercise.view is not as_it_is:
        return f"{name}: {exercise.view(value)}."
    offered = [exercise.reference, *(mistake.solution for mistake in exercise.mistakes)]
    if isinstance(value, str) and value not in offered:
        return f"{name} is {_short(value)}, which is none of the names that were printed."
    return f"{name} is {_short(value)}, which is not the answer."


def _shown_example(name: str, exercise: Exercise, solution: Any) -> list[str]:
    """The exercise's own small example beside what the solution makes of it, where a reader can see a difference."""
    if exercise.example is None:
        return []
    mine = observe(exercise.observe, solution, exercise.example)
    ours = observe(exercise.observe, exercise.reference, exercise.example)
    if isinstance(mine, Raised) or isinstance(ours, Raised) or _short(mine.value) == _short(ours.value):
        return []
    arguments = ", ".join(_short(argument) for argument in exercise.example)
    return [f"{name}({arguments}) gives", f"  {_short(mine.value)}, by hand it is", f"  {_short(ours.value)}"]


def _words_of_error(name: str, exercise: Exercise, case: tuple[Any, ...], raised: Raised) -> str:
    said = (str(raised.error).splitlines() or [""])[0][:200]
    where = [f"  {raised.line[:160]}"] if raised.line else []
    return "\n".join(
        [f"{name} raised {type(raised.error).__name__}: {said}", *where, f" {_given(exercise, case)}".rstrip()]
    )


def _given(exercise: Exercise, case: tuple[Any, ...]) -> str:
    parts = [f"{_parameter(exercise, i)} {_size(argument)}" for i, argument in enumerate(case)]
    return f" for {', '.join(parts)}" if parts else ""


def _parameter(exercise: Exercise, position: int) -> str:
    names = list(inspect.signature(exercise.reference).parameters)
    return names[position] if position < len(names) else f"argument {position}"


def _size(argument: Any) -> str:
    if isinstance(argument, (list, tuple)):
        return f"of {len(argument)} entries"
    return f"of shape {tuple(argument.shape)}" if isinstance(argument, Tensor) else _short(argument)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(entry)}" for key, entry in value.items())[:120]
    if isinstance(value, Tensor):
        with torch.no_grad():
            rounded = (value.detach().double() * 1e4).round() / 1e4 if value.is_floating_point() else value
        return str(rounded.tolist())[:120]
    if isinstance(value, (nn.Module, Optimizer)):
        return f"a {type(value).__name__}"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__)).strip("_")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_short(entry) for entry in value)}]"[:120]
    return " ".join(repr(value).split())[:120]
