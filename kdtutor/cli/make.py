"""The commands of those who make the course and prove it: build, results, validity, site, bench."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kdtutor.cli.app import MAKE, console, course

commands = typer.Typer()


@commands.command(rich_help_panel=MAKE)
def build(
    units: Annotated[list[str] | None, typer.Argument(help="units, such as 01_soft_targets; none: all")] = None,
    learners: Annotated[
        bool, typer.Option("--learners", help="make the learners' notebooks of all units again, running nothing")
    ] = False,
) -> None:
    """Build the notebooks of solutions/ and course/ from the text sources, running every cell."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from kdtutor import authoring

    here = course()
    if learners:
        if units:
            raise ValueError("--learners makes those of all units: leave the units out")
        for made in authoring.build_learner_notebooks(here.root):
            console.print(here.named(made), highlight=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} cells"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        tasks: dict[str, Any] = {}

        def show(progress: authoring.Progress) -> None:
            if progress.unit not in tasks:
                tasks[progress.unit] = bars.add_task(progress.unit, total=progress.total)
            bars.update(tasks[progress.unit], completed=progress.done)

        authoring.build_all(here.root, units or (), progress=show)


@commands.command(rich_help_panel=MAKE)
def results(
    units: Annotated[list[str] | None, typer.Argument(help="units to measure again; none: all")] = None,
) -> None:
    """Measure the units' claims again, write their results.json, and build the units that quote them."""
    from kdtutor import authoring

    here = course()
    for unit in units or here.units:
        console.print(f"measuring {unit}")
        written = authoring.measure_again(unit, here.root)
        console.print(f"  {here.named(written)}" if written else "  records nothing", highlight=False)
    build(units)


@commands.command(rich_help_panel=MAKE)
def validity(
    unit: Annotated[str | None, typer.Argument(help="one unit, such as 01_soft_targets; none: all")] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="grade them, and mutants of the references, through the sandbox")
    ] = False,
) -> None:
    """Examine the checks themselves: mistakes refused by name, right styles accepted, empty answers refused."""
    from kdtutor.checks.validity import validity as examine_checks

    if mutants:
        prove_grading(unit)
        return
    rows = examine_checks(unit)
    table = Table()
    for heading in ("exercise", "mistakes named", "styles accepted", "undeserving refused"):
        table.add_column(heading, no_wrap=heading == "exercise")
    for row in rows:
        table.add_row(
            f"{row.unit[:2]} {row.exercise}",
            f"{row.mistakes_named} of {row.mistakes}",
            f"{row.styles_accepted} of {row.styles}",
            f"{row.undeserving_refused} of {row.undeserving}",
        )
    console.print(table)
    faults = [f"{row.exercise}: {fault}" for row in rows for fault in row.faults]
    for fault in faults:
        console.print(fault, highlight=False)
    if faults:
        raise typer.Exit(1)


def prove_grading(unit: str | None) -> None:
    from kdtutor.grading.assignment import graded_units
    from kdtutor.grading.proof.pipeline import prove

    here = course()
    rows, faults = [], []
    for each in [unit] if unit else graded_units(here):
        for row in prove(here, each):
            console.print(
                f"{each[:2]} {row.exercise}: mistakes refused by name {row.mistakes_refused} of {row.mistakes}, styles "
                f"accepted {row.styles_accepted} of {row.styles}, mutants refused {row.mutants_refused} of "
                f"{row.mutants}, {row.equivalent} of them mean nothing",
                highlight=False,
            )
            rows.append(row)
            faults += [f"{row.exercise}: {fault}" for fault in row.faults]
    refused, wrong = (sum(getattr(row, name) for row in rows) for name in ("mistakes_refused", "mistakes"))
    refused += sum(row.mutants_refused for row in rows)
    wrong += sum(row.mutants - row.equivalent for row in rows)
    accepted, styles = (sum(getattr(row, name) for row in rows) for name in ("styles_accepted", "styles"))
    console.print(f"Refused {refused} of {wrong}, correct styles accepted {accepted} of {styles}.")
    for fault in faults:
        console.print(fault, highlight=False)
    if faults:
        raise typer.Exit(1)


@commands.command(rich_help_panel=MAKE)
def site(
    out: Annotated[Path | None, typer.Option(help="the site's folder; default: site/ in the course")] = None,
) -> None:
    """Make a web site of the course from the executed notebooks, without solutions; it is read without a network."""
    from kdtutor.site import build_site

    here = course()
    with console.status("making the site"):
        front_page = build_site(here, out or here.root / "site")
    console.print(str(front_page), markup=False, highlight=False, soft_wrap=True)


@commands.command(rich_help_panel=MAKE)
def bench(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="sections, such as losses, or whole names; none: all; grading: classes a minute"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="a rehearsal in seconds: small sizes, no verdicts")] = False,
    save: Annotated[Path | None, typer.Option(help="write the rows as JSON, with date, machine and versions")] = None,
    picture: Annotated[Path | None, typer.Option(help="write the picture of the ratios as PNG or SVG")] = None,
) -> None:
    """Measure how fast the library is, side by side with its rivals in one run, and against this machine's limits."""
    if only == ["grading"]:
        bench_grading(quick, save)
        return
    from kdtutor import bench as benchmark

    with console.status("measuring") as status:

        def show(row: benchmark.Row, done: int, total: int) -> None:
            status.update(f"measured {done} of {total}: {row.name}")

        rows = benchmark.run(device, only or None, quick, report=show)
    console.print(benchmark.render(rows))
    if save is not None:
        benchmark.save(rows, save)
    if picture is not None:
        benchmark.picture(rows).savefig(picture)


def bench_grading(quick: bool, save: Path | None) -> None:
    from kdtutor.grading.proof.throughput import measure_throughput

    with console.status("grading a class both ways (minutes: the stock way is one notebook at a time)"):
        found = measure_throughput(course(), **({"repeats": 1, "learners": 6, "large": 12} if quick else {}))
    for line in found.lines(judged=not quick):
        console.print(line, highlight=False)
    if save is not None:
        save.write_text(found.to_json() + "\n", encoding="utf-8")
