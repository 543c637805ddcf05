"""The commands of those who grade a class: grade, feedback, report, grade-demo."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from kdtutor.cli.app import GRADE, console, course

commands = typer.Typer()


class Engine(Enum):
    """What `kdtutor grade` grades on."""

    local = "local"
    dask = "dask"


@commands.command(rich_help_panel=GRADE)
def grade(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    submitted: Annotated[
        Path | None, typer.Option(help="what was handed in: a folder or zip archive; default: grading/submitted")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the records; default: grading/records")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="how many to grade at a time; default: one a core")] = None,
    engine: Annotated[Engine, typer.Option(help="local: on this machine; dask: on a cluster")] = Engine.local,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Dask scheduler: tcp://host:8786, its scheduler.json, or dask_jobqueue:SLURMCluster"),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="a learner; more than once for several; none: all")] = None,
    regrade: Annotated[bool, typer.Option("--regrade", help="grade again what is unchanged, too")] = False,
    trust: Annotated[
        bool, typer.Option("--trust-submissions", help="where there is no sandbox, run learners' code as yourself")
    ] = False,
) -> None:
    """Grade what a class handed in for a unit: signed records, scores in the gradebook, and a table."""
    from kdtutor.grading.classroom import terminal

    terminal.grade(
        course(),
        unit,
        console,
        submitted=submitted,
        records_dir=out,
        jobs=jobs,
        engine=engine.value,
        scheduler=scheduler,
        only=only or (),
        regrade=regrade,
        trust=trust,
    )


@commands.command(rich_help_panel=GRADE)
def feedback(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    only: Annotated[str | None, typer.Option(help="a learner; none: all")] = None,
    records: Annotated[Path | None, typer.Option(help="folder of the records; default: grading/records")] = None,
) -> None:
    """Write each learner's page, from the signed records, to grading/feedback."""
    from kdtutor.grading.pages.feedback_pages import write_feedback
    from kdtutor.grading.pages.inert_text import inert

    written = list(write_feedback(course(), unit, records=records, only=only))
    pages = [page.path for page in written if page.path is not None]
    if pages:
        place = pages[0] if len(pages) == 1 else pages[0].parents[2]
        console.print(f"{len(pages)} of {len(written)} pages: {place}", markup=False, highlight=False, soft_wrap=True)
    for page in written:
        if page.problem is not None:
            console.print(inert(f"{page.learner}: {page.problem}"), markup=False, highlight=False, soft_wrap=True)
    if len(pages) < len(written):
        raise typer.Exit(1)


@commands.command(rich_help_panel=GRADE)
def report(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    anonymous: Annotated[bool, typer.Option("--anonymous", help="number the learners, quote none of them")] = False,
    out: Annotated[Path | None, typer.Option(help="the page; default: in grading/reports")] = None,
    records: Annotated[Path | None, typer.Option(help="folder of the records; default: grading/records")] = None,
) -> None:
    """Write one page for the class: who did what, known mistakes, how the exercises did, who needs review."""
    from kdtutor.grading.pages.report_page import write_report

    written = write_report(course(), unit, anonymous=anonymous, records=records, out=out)
    console.print(str(written), markup=False, highlight=False, soft_wrap=True)


@commands.command("grade-demo", rich_help_panel=GRADE)
def grade_demo() -> None:
    """Make a sample class, grade it, and show the scores and where each learner's feedback page lies."""
    from kdtutor.grading import demo

    here = course()
    with console.status("grading the sample class") as status:
        folder = here.root / "grading" / "demo"
        scores = demo.grade_demo(here, folder, report=lambda learner: status.update(f"grading {learner}"))
    table = Table()
    table.add_column("learner", no_wrap=True)
    for each in scores[0].record.checks:
        table.add_column(each.name.replace("_", " "), justify="right")
    table.add_column("score", no_wrap=True, justify="right")
    for score in scores:
        record = score.record
        earned = [f"{each.earned:g}" for each in record.checks]
        table.add_row(record.learner, *earned, f"{record.score:g} of {record.max_score:g}")
    console.print(table)
    for score in scores:
        console.print(f"{score.record.learner}: {here.named(score.feedback)}", highlight=False, soft_wrap=True)
