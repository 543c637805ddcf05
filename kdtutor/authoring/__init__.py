"""Text source → notebooks: `solutions/<unit>/<unit>.py` becomes the solved and the learner's notebook of a unit."""

from kdtutor.authoring.build import Built, Progress, build_all, build_learner_notebooks, build_unit
from kdtutor.authoring.freshness import check_built, leaks, stale
from kdtutor.authoring.layout import Course
from kdtutor.authoring.measure_again import measure_again
from kdtutor.authoring.problems import BuildError, Problem
from kdtutor.authoring.release import ReleaseError, generate_assignment
from kdtutor.authoring.rules import Unit, read_unit

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
