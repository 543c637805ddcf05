"""The rows as a table for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kdtutor.bench.row import Row

_STYLES = {"reached": "green", "missed": "bold red", "failed": "bold red"}


def render(rows: Sequence[Row]) -> Group:
    """What the machine can do, then ours against the rivals, then the remarks that do not fit into a line."""
    compared = [row for row in rows if row.rival_is is not None]
    remarks = [f"[bold]{escape(row.name)}[/]: {escape(_remark(row))}" for row in compared if _remark(row)]
    return Group(_ceilings([row for row in rows if row.rival_is is None]), _comparisons(compared), *remarks)


def _ceilings(rows: Sequence[Row]) -> Table:
    table = Table(title="What this machine can do", title_justify="left", box=box.SIMPLE)
    table.add_column("ceiling")
    table.add_column("measured", justify="right")
    table.add_column("remark")
    for row in rows:
        found = _value(row.ours, row.unit) if row.outcome == "measured" else row.outcome
        table.add_row(row.name, found, row.reason or row.note)
    return table


def _comparisons(rows: Sequence[Row]) -> Table:
    """Two lines a row, so that it fits a terminal of 80 columns: a figure above the one it belongs to."""
    table = Table(
        title="Ours against the rival, in turn, in one run", title_justify="left", box=box.SIMPLE, padding=(0, 0)
    )
    table.add_column("what", min_width=26)
    for heading in ("ours\nrival", "ratio\nmiddle half", "target", "limit\nof limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", min_width=8)
    section = None
    for row in rows:
        if section not in (None, row.section):
            table.add_section()
        section = row.section
        what = Text(row.name)
        what.append(f"\n{row.ours_is}\nagainst {row.rival_is}", style="dim")
        spread = "" if row.ratio is None or row.ratio.n == 1 else f"{row.ratio.low:.3g}–{row.ratio.high:.3g}"
        table.add_row(
            what,
            f" {_value(row.ours, row.unit)}\n{_value(row.rival, row.unit)}",
            f" {row.ratio.median:.3g}\n{spread}" if row.ratio is not None else "",
            "" if row.target is None else f" ≤ {row.target:.3g}",
            f" {_value(row.limit, row.unit)}\n{'' if row.share_of_limit is None else f'{row.share_of_limit:.0%}'}",
            Text(f" {row.verdict}", style=_STYLES.get(row.verdict, "")),
        )
    return table


def _remark(row: Row) -> str:
    condition = ""
    if row.condition is not None:
        held = "held" if row.condition.met else "broken"
        condition = f"{row.condition.what} {row.condition.value:.2g}, at most {row.condition.most:g}: {held}"
    return "; ".join(filter(None, (row.reason, condition, row.note)))


def _value(value: float | None, unit: str) -> str:
    """A figure with three digits, without an exponent: "4,210 GB/s", "0.376 ms"."""
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}" if value >= 0.001 else f"{value:.2g} {unit}"
