"""Where the exercises are: each module of `kdtutor.checks.units` names them in its `__all__`, as its notebook does."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kdtutor.checks import units
from kdtutor.checks.exercise import Exercise


class _Exercises(Mapping[str, Exercise]):
    """A unit's exercises. Their names are read from its module's text; the module is imported for the first exercise.

    Importing all units takes a second, which a notebook's first check would otherwise spend on the other units.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    @cached_property
    def names(self) -> tuple[str, ...]:
        spec = find_spec(self._module)
        assert spec is not None
        assert spec.origin is not None
        for statement in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
                return tuple(ast.literal_eval(statement.value))
        raise ValueError(f"{self._module} has no __all__: it lists the unit's exercises by name")

    @cached_property
    def _bound(self) -> dict[str, Exercise]:
        module = importlib.import_module(self._module)
        bound = {name: value for name, value in vars(module).items() if isinstance(value, Exercise)}
        if bound.keys() != set(self.names):
            different = ", ".join(sorted(bound.keys() ^ set(self.names)))
            raise ValueError(f"{self._module}: __all__ and the exercises that are bound differ in {different}")
        return bound

    def __getitem__(self, name: str) -> Exercise:
        if name not in self.names:
            raise KeyError(name)
        return self._bound[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names


@cache
def exercises_by_unit() -> Mapping[str, Mapping[str, Exercise]]:
    """Every unit's exercises: {"01_soft_targets": {"soften": Exercise, ...}, ...}, in the order of the units.

    A module `unit_01_soft_targets` holds the exercises of the unit of that name; a name belongs to one unit.
    """
    found: dict[str, Mapping[str, Exercise]] = {}
    owner: dict[str, str] = {}
    for info in sorted(pkgutil.iter_modules(units.__path__), key=lambda info: info.name):
        unit, here = info.name.removeprefix("unit_"), _Exercises(f"{units.__name__}.{info.name}")
        for name in here:
            if name in owner:
                raise ValueError(f"exercise {name!r} is in units {owner[name]} and {unit}: a name belongs to one unit")
            owner[name] = unit
        found[unit] = here
    return MappingProxyType(found)


def exercises_of(unit: str) -> Mapping[str, Exercise]:
    """A unit's exercises by name. Raises ValueError for a unit that has none."""
    units = exercises_by_unit()
    if unit not in units:
        raise ValueError(f"there is no unit {unit!r} with exercises: units are {', '.join(units)}")
    return units[unit]


def find(name: str) -> Exercise:
    """The exercise called `name`. Raises ValueError for a name that no unit has."""
    return exercises_by_unit()[find_unit(name)][name]


def find_unit(name: str) -> str:
    """The unit of the exercise called `name`. Raises ValueError for a name that no unit has."""
    for unit, here in exercises_by_unit().items():
        if name in here:
            return unit
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


@cache
def _names() -> frozenset[str]:
    return frozenset(name for here in exercises_by_unit().values() for name in here)
