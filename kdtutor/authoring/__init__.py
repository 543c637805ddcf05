"""Text source → notebooks: `solutions/<unit>/<unit>.py` becomes the solved and the learner's notebook of a unit.

What a name needs is imported where it is first used: a command that only asks where files lie does not wait for
notebook libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdtutor.authoring.build import Built, Progress, build_all, build_learner_notebooks, build_unit
    from kdtutor.authoring.freshness import check_built, leaks, stale
    from kdtutor.authoring.layout import Course
    from kdtutor.authoring.measure_again import measure_again
    from kdtutor.authoring.problems import BuildError, Problem
    from kdtutor.authoring.release import ReleaseError, generate_assignment
    from kdtutor.authoring.rules import Unit, read_unit

_MODULES = {
    "build": ("Built", "Progress", "build_all", "build_learner_notebooks", "build_unit"),
    "freshness": ("check_built", "leaks", "stale"),
    "layout": ("Course",),
    "measure_again": ("measure_again",),
    "problems": ("BuildError", "Problem"),
    "release": ("ReleaseError", "generate_assignment"),
    "rules": ("Unit", "read_unit"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BuildError",
    "Built",
    "Course",
    "Problem",
    "Progress",
    "ReleaseError",
    "Unit",
    "build_all",
    "build_learner_notebooks",
    "build_unit",
    "check_built",
    "generate_assignment",
    "leaks",
    "measure_again",
    "read_unit",
    "stale",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
