"""In which order the exercises of a unit come, as its notebook has them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kdtutor.authoring.layout import Course


def exercise_order(course: Course) -> dict[str, list[str]]:
    """The exercises of each unit as its learner's notebook has them; units without one are left out."""
    notebooks = {unit: course.learner_notebook(unit) for unit in course.units}
    return {
        unit: exercises_in(json.loads(path.read_text(encoding="utf-8"))["cells"])
        for unit, path in notebooks.items()
        if path.is_file()
    }


def exercises_in(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the exercises among the cells of a notebook's JSON."""
    named = (cell["metadata"].get("kdtutor", {}).get("exercise") for cell in cells)
    return [name for name in named if name]
