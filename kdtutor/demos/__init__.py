"""Live explorers: real tensors and models behind controls, for learners and for an instructor in front of a class.

Each explorer is a module with `explorer()`, which gives its plain functions and loads its networks, and `explore()`,
which shows it in a notebook. The functions below import only what they show.
"""

from collections.abc import Sequence
from pathlib import Path


def explore_temperature(*, ask: bool = True) -> None:
    """What temperature does to a teacher's answer, its entropy and its pull. ask: predict before it shows."""
    from kdtutor.demos import temperature

    temperature.explore(ask=ask)


def explore_drawing() -> None:
    """Write a character; teacher and students answer side by side."""
    from kdtutor.demos import draw

    draw.explore()


def explore_pruning(*, ask: bool = True) -> None:
    """How much of a network can go, and what that saves. ask: predict before it shows."""
    from kdtutor.demos import pruning

    pruning.explore(ask=ask)


def explore_quantising(*, ask: bool = True) -> None:
    """How few bits a network's weights and activations need. ask: predict before it shows."""
    from kdtutor.demos import quantising

    quantising.explore(ask=ask)


def explore_race(*, ask: bool = True) -> None:
    """Labels against a teacher's answers, students trained live. ask: predict before it shows."""
    from kdtutor.demos import race

    race.explore(ask=ask)


def show_predictions(question: str, answers: Sequence[float] | str | Path, measured: float, *, unit: str = "") -> None:
    """Show what a class predicted as a histogram, beside what was measured.

    answers: numbers, or a folder with the class's notebooks, in which `predict(question, ...)` is looked up.
    """
    from kdtutor import plots
    from kdtutor.demos.prediction import class_answers, class_histogram

    numbers = class_answers(answers, question) if isinstance(answers, str | Path) else answers
    picture = class_histogram(unit, numbers, measured)
    plots.show(picture.figure, picture.alt)


__all__ = [
    "explore_drawing",
    "explore_pruning",
    "explore_quantising",
    "explore_race",
    "explore_temperature",
    "show_predictions",
]
