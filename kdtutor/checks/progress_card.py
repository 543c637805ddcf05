"""The card at the top of a learner's notebook: which exercises of the unit are done, tried or untouched."""

import html
import os
from collections.abc import Sequence
from contextlib import suppress

from kdtutor.checks.exercise import Status
from kdtutor.checks.progress import State, progress_folder, progress_of, remember_verdict
from kdtutor.checks.registry import exercises_by_unit, exercises_of, find_unit

MARKS: dict[State, str] = {"done": "✓", "tried": "…", "untouched": "○"}
COLOURS: dict[State, str] = {"done": "#007155", "tried": "#b34700", "untouched": "#6b6b6b"}
PRIVATE = "Kept on this computer alone, for you alone. The command kdtutor progress --forget deletes it."
UNKNOWN = "Its exercises are not among the checks of kdtutor, so nothing is kept of them."
CANNOT = "Progress cannot be kept: its folder on this computer cannot be written. Checks work all the same."
DISPLAY = "kdtutor-progress-{}"
_CARDS: dict[str, tuple[str, ...]] = {}  # the units whose card this notebook shows, with the order of their exercises


class ProgressCard:
    """The states of a unit's exercises: in a browser one line of marks and names, elsewhere text."""

    def __init__(self, unit: str, states: dict[str, State], note: str = PRIVATE) -> None:
        self.unit, self.states, self.note = unit, states, note
        done = sum(state == "done" for state in states.values())
        self.heading = f"{unit}: {done} of {len(states)} exercises done"

    def __repr__(self) -> str:
        words = [f"{name} {state}" for name, state in self.states.items()]
        return f"{self.heading}\n{', '.join(words)}\n{self.note}"

    def _repr_html_(self) -> str:
        names = "".join(
            f'<li style="display: inline-block; margin: 0 18px 0 0">'
            f'<span style="color: {COLOURS[state]}">{MARKS[state]}</span> <code>{html.escape(name)}</code> {state}</li>'
            for name, state in self.states.items()
        )
        return (
            f'<div role="status" style="border: 1px solid #8a8a8a; border-radius: 6px; padding: 6px 12px">'
            f"<strong>{html.escape(self.heading)}</strong>"
            f'<ul style="list-style: none; margin: 4px 0; padding: 0">{names}</ul>'
            f'<div style="font-size: 85%">{html.escape(self.note)}</div></div>'
        )


def states_of(unit: str, order: Sequence[str] = ()) -> dict[str, State]:
    """How far each exercise of a unit is, those named in `order` first. ValueError for a unit that has none."""
    here = exercises_of(unit)
    names = [name for name in order if name in here]
    names += [name for name in here if name not in order]
    return progress_of(unit, {name: here[name].parts for name in names})


def progress_card(unit: str, order: Sequence[str] = ()) -> None:
    """Show how far you are in a unit; the checks below keep the card up to date. Nothing is shown while grading.

    order: names of exercises in the order in which they are to stand.
    """
    if "NBGRADER_EXECUTION" in os.environ:
        return
    known = unit in exercises_by_unit()
    card = _card(unit, order) if known else ProgressCard(unit, {}, UNKNOWN)
    if not _in_a_notebook():
        print(card)
        return
    from IPython.display import display

    _CARDS[unit] = tuple(order)
    display(card, display_id=DISPLAY.format(unit))


def keep(exercise: str, status: Status, part: str = "") -> None:
    """Remember that an exercise was attempted where a notebook asked for its verdict, and renew the card above it."""
    if status == "not-attempted" or "NBGRADER_EXECUTION" in os.environ or not _in_a_notebook():
        return
    unit = find_unit(exercise)
    with suppress(OSError):  # a check works without its entry, and the card says that none can be kept
        remember_verdict(unit, exercise, status == "passed", part)
    if unit in _CARDS:
        from IPython.display import update_display

        update_display(_card(unit, _CARDS[unit]), display_id=DISPLAY.format(unit))


def _card(unit: str, order: Sequence[str]) -> ProgressCard:
    return ProgressCard(unit, states_of(unit, order), PRIVATE if _writable() else CANNOT)


def _writable() -> bool:
    folder = progress_folder()
    while not os.path.exists(folder):
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def _in_a_notebook() -> bool:
    """Whether a Jupyter kernel runs this: a program that calls a check is no learner at work."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
