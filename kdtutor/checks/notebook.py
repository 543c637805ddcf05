"""What a learner calls in a cell: check, hint, use, predict, reveal."""

import html
import inspect
import os
from collections.abc import Mapping
from typing import Any

from kdtutor.checks import predictions
from kdtutor.checks.examine import examine
from kdtutor.checks.exercise import Verdict
from kdtutor.checks.progress_card import keep
from kdtutor.checks.registry import find, name_of

WORDS = {"passed": "Passed", "failed": "Not yet", "not-attempted": "Not attempted", "error": "It raised an error"}
COLOURS = {"passed": "#007155", "failed": "#b34700", "not-attempted": "#6b6b6b", "error": "#b34700"}
_HINTS_GIVEN: dict[str, int] = {}


class CheckFailed(Exception):  # noqa: N818
    """Raised by `check` while grading, so that the cell earns nothing; its text is what feedback shows."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{heading(verdict)}\n{verdict.message}")
        self.verdict = verdict


class Note:
    """A sentence or a few that a notebook shows: coloured in a browser, plain text elsewhere."""

    def __init__(self, heading: str, text: str, colour: str) -> None:
        self.heading, self.text, self.colour = heading, text, colour

    def __repr__(self) -> str:
        return f"{self.heading}\n{self.text}" if self.text else self.heading

    def _repr_html_(self) -> str:
        heading, text = html.escape(self.heading), html.escape(self.text)
        return (
            f'<div role="status" style="border-left: 4px solid {self.colour}; padding: 2px 12px; margin: 4px 0">'
            f'<strong style="color: {self.colour}">{heading}</strong>'
            f'<div style="white-space: pre-wrap">{text}</div></div>'
        )


def check(solution: Any, *, exercise: str | None = None) -> None:
    """Say what is right or wrong with an exercise's solution, under it, and let the notebook run on.

    The exercise is the one under whose name the notebook holds the solution; `exercise=` names it otherwise. While
    nbgrader executes the notebook (it sets NBGRADER_EXECUTION), a verdict other than passed raises CheckFailed.
    """
    verdict = examine(exercise or name_of(solution, callers_names()), solution)
    if "NBGRADER_EXECUTION" in os.environ and verdict.status != "passed":
        raise CheckFailed(verdict)
    show(Note(heading(verdict), verdict.message, COLOURS[verdict.status]))
    keep(verdict.exercise, verdict.status)


def hint(solution: Any, *, exercise: str | None = None) -> None:
    """Show the next of the exercise's three hints; after the third, the first again."""
    name = exercise or name_of(solution, callers_names())
    hints = find(name).hints
    given = _HINTS_GIVEN.get(name, 0)
    _HINTS_GIVEN[name] = given + 1
    step = given % len(hints)
    show(Note(f"Hint {step + 1} of {len(hints)}", hints[step], "#00558a"))


def use(solution: Any, *, exercise: str | None = None) -> Any:
    """Your solution where it passes its check, otherwise the reference, with a note that says so.

    For the cells that show a result on a real model: they work on the first read too.
    """
    name = exercise or name_of(solution, callers_names())
    if examine(name, solution).status == "passed":
        return solution
    show(Note(f"Shown with kdtutor's {name}", "Once yours passes its check, this cell uses yours.", "#6b6b6b"))
    return find(name).reference


def predict(question: str, answer: Any) -> None:
    """Store what you expect before you see it; nothing is graded. `...` means: no prediction yet."""
    if predictions.remember(question, answer):
        show(Note("Prediction stored", f"{question}: {answer}", "#00558a"))
    else:
        show(Note("No prediction yet", "Replace ... by your guess and run this cell.", "#6b6b6b"))


def reveal(question: str, measured: Any) -> None:
    """Show what was measured beside what you predicted."""
    show(Note(question, predictions.compare(question, measured), "#00558a"))


def heading(verdict: Verdict) -> str:
    heading = f"{verdict.exercise}: {WORDS[verdict.status].lower()}"
    return f"{heading} ({verdict.mistake})" if verdict.mistake else heading


def callers_names() -> Mapping[str, Any]:
    """The global names of the cell that called what calls this."""
    frame = inspect.currentframe()
    caller = frame.f_back.f_back if frame and frame.f_back else None
    return caller.f_globals if caller else {}


def show(note: object) -> None:
    """Display what can show itself in HTML where there is a notebook, print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(note)
        return
    if get_ipython() is None:
        print(note)
    else:
        display(note)
