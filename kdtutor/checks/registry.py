"""Where the exercises are: each module of `kdtutor.checks.units` binds them to their names."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from kdtutor.checks import units
from kdtutor.checks.exercise import Exercise


@cache
def exercises_by_unit() -> Mapping[str, Mapping[str, Exercise]]:
    """Every unit's exercises: {"01_soft_targets": {"soften": Exercise, ...}, ...}, in the order of the units.

    A module `unit_01_soft_targets` holds the exercises of the unit of that name; a name belongs to one unit.
    """
    found: dict[str, Mapping[str, Exercise]] = {}
    owner: dict[str, str] = {}
    for info in sorted(pkgutil.iter_modules(units.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{units.__name__}.{info.name}")
        unit = info.name.removeprefix("unit_")
        here = {name: value for name, value in vars(module).items() if isinstance(value, Exercise)}
        for name in here:
            if name in owner:
                raise ValueError(f"exercise {name!r} is in units {owner[name]} and {unit}: a name belongs to one unit")
            owner[name] = unit
        found[unit] = MappingProxyType(here)
    return MappingProxyType(found)


def find(name: str) -> Exercise:
    """The exercise called `name`. Raises ValueError for a name that no unit has."""
    for here in exercises_by_unit().values():
        if name in here:
            return here[name]
    raise ValueError(f"there is no exercise {name!r}: names are {', '.join(sorted(_names()))}")


def name_of(solution: Any, namespace: Mapping[str, Any]) -> str:
    """The exercise that `solution` answers: the exercise name under which `namespace` holds it, else its own name."""
    own = getattr(solution, "__name__", None)
    held = sorted(name for name in _names() if name in namespace and namespace[name] is solution)
    if own in held or (not held and own in _names()):
        return str(own)
    if len(held) == 1:
        return held[0]
    if held:
        raise ValueError(f"this answer is held by {', '.join(held)}: say which with check(answer, exercise=...)")
    raise ValueError("this is bound to no exercise's name: define it under the name that the exercise asks for")


def _names() -> set[str]:
    return {name for here in exercises_by_unit().values() for name in here}
