"""A learner's progress in the whole course as one table for a terminal."""

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from kdtutor.checks.progress import State
from kdtutor.checks.progress_card import MARKS, states_of
from kdtutor.checks.registry import exercises_by_unit

STYLES: dict[State, str] = {"done": "green", "tried": "yellow", "untouched": "dim"}


def progress_table(unit: str | None = None) -> Table:
    """A row a unit: how many of its exercises are done, and each with its mark. ValueError for an unknown unit."""
    units = [unit] if unit else list(exercises_by_unit())
    key = Text("  ").join(Text(f"{mark} {state}", STYLES[state]) for state, mark in MARKS.items())
    table = Table(title=key, title_justify="left", show_lines=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("exercises")
    for each in units:
        states = states_of(each)
        marked = [Text(f"{MARKS[state]} {name}", STYLES[state], no_wrap=True) for name, state in states.items()]
        done = sum(state == "done" for state in states.values())
        table.add_row(each, f"{done} of {len(states)}", Columns(marked, padding=(0, 3)))
    return table
