"""Every exercise of a unit in one table: what is done, what is not yet, and why."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from kdtutor.checks.examine import examine
from kdtutor.checks.exercise import Verdict
from kdtutor.checks.notebook import COLOURS, WORDS, callers_names, show
from kdtutor.checks.progress_card import keep
from kdtutor.checks.registry import exercises_by_unit, exercises_of

NOT_DEFINED = "not defined"
CELL = 'style="text-align: left; vertical-align: top; padding: 3px 10px; white-space: pre-wrap"'


class Overview:
    """Verdicts as a table: in a browser a table, elsewhere lines of text."""

    def __init__(self, unit: str, rows: Sequence[Verdict | str]) -> None:
        """rows: a verdict, or the name of an exercise that the notebook does not define yet."""
        self.unit = unit
        self.rows = [_row(row) for row in rows]
        passed = sum(isinstance(row, Verdict) and row.status == "passed" for row in rows)
        self.heading = f"{unit}: {passed} of {len(rows)} checks passed"

    def __repr__(self) -> str:
        width = max((len(name) for name, *_ in self.rows), default=0)
        lines = [self.heading]
        for name, said, message, _ in self.rows:
            lines.append(f"{name:{width}}  {said}")
            lines += [f"{'':{width}}  {line}" for line in message.splitlines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" {CELL}><code>{html.escape(name)}</code></th>'
            f'<td {CELL}><strong style="color: {colour}">{html.escape(said)}</strong></td>'
            f"<td {CELL}>{html.escape(message)}</td></tr>"
            for name, said, message, colour in self.rows
        )
        head = "".join(f'<th scope="col" {CELL}>{each}</th>' for each in ("exercise", "verdict", "what the check says"))
        caption = f'<caption style="text-align: left; padding: 4px 10px">{html.escape(self.heading)}</caption>'
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<div role="status" style="overflow-x: auto">{table}</div>'


def check_all(unit: str | None = None) -> None:
    """Examine every exercise of a unit that this notebook defines, and show one table.

    unit: such as "01_soft_targets"; by default the unit that most of the notebook's names belong to. Like `check`, it
    lets the notebook run on. ValueError for a unit that there is not, or where the notebook defines no exercise.
    """
    names = callers_names()
    chosen = _unit_of(names) if unit is None else unit
    rows = [examine(name, names[name]) if name in names else name for name in exercises_of(chosen)]
    show(Overview(chosen, rows))
    for row in rows:
        if isinstance(row, Verdict):
            keep(row.exercise, row.status)


def _unit_of(names: Mapping[str, Any]) -> str:
    defined = {unit: sum(name in names for name in here) for unit, here in exercises_by_unit().items()}
    best = max(defined, key=lambda unit: defined[unit], default="")
    if not defined.get(best):
        raise ValueError("this notebook defines no exercise of any unit yet: run the cells of the exercises first")
    return best


def _row(row: Verdict | str) -> tuple[str, str, str, str]:
    if isinstance(row, str):
        return row, NOT_DEFINED, "Run the cell of this exercise.", COLOURS["not-attempted"]
    said = WORDS[row.status].lower() + (f" ({row.mistake})" if row.mistake else "")
    return row.exercise, said, "" if row.status == "passed" else row.message, COLOURS[row.status]
