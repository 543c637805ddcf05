"""Inside the sandbox: what the course's hidden modules look like to a notebook that imports them.

The reference, the checks and the figures are not there. Imports of them still succeed, so that the cells of a released
notebook run; what is asked of a check says nothing, and anything else says, where it is used, that it is not there.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

COURSE = "kdtutor"
CHECKS = "kdtutor.checks"
_SILENT = ("check", "check_all", "hint", "predict", "reveal")


class AbsentError(RuntimeError):
    """Something of the course's that is not there while a submission is graded."""


class Absent:
    """A name of a hidden module: it can be imported and passed on, not used."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise AbsentError(f"{self.__name__} is not there while your work is graded: the exercise asks for your own")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")


def install() -> None:
    """Let every import of a module of the course that is not there succeed."""
    sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.startswith(f"{COURSE}.") else None

    def exec_module(self, module: ModuleType) -> None:
        full = module.__name__
        silent: dict[str, Callable[..., Any]] = dict.fromkeys(_SILENT, _say_nothing) | {"use": _hand_back}

        def attribute(name: str) -> Any:
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(name)
            return silent[name] if full == CHECKS and name in silent else Absent(f"{full}.{name}")

        module.__getattr__ = attribute  # type: ignore[method-assign]


def _say_nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _hand_back(solution: Any, **kwargs: Any) -> Any:
    return solution
