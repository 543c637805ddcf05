"""The commands of those who learn: lab, doctor, check, progress."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

import kdtutor
from kdtutor.cli.app import LEARN, add_to_search_path, console, course

commands = typer.Typer()


@commands.command(rich_help_panel=LEARN, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open JupyterLab on the course. What follows is handed to JupyterLab, such as --no-browser or --port 9000."""
    from kdtutor.authoring import build_learner_notebooks

    here = course()
    if not any(here.released.glob("*/*.ipynb")):
        console.print("The learner notebooks are not there yet: making them.")
        build_learner_notebooks(here.root)
    # Without JupyterLab's news prompt, nbgrader's panels for authors and Voila's button, which learners would trip over
    add_to_search_path("JUPYTER_CONFIG_PATH", Path(kdtutor.__file__).parent / "lab_config")
    os.chdir(here.root)
    arguments = [
        f"--ServerApp.root_dir={here.released}",
        "--LabApp.default_url=/lab/tree/00_start_here/00_start_here.ipynb",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *arguments, *context.args])


@commands.command(rich_help_panel=LEARN)
def doctor() -> None:
    """Say what this machine has, and what is missing and how to get it."""
    from kdtutor.doctor import examine_machine

    findings = examine_machine()
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.fine else "[yellow]missing[/]", finding.what, finding.found)
    console.print(table)
    for finding in findings:
        if finding.remedy:
            console.print(f"{finding.what}: {finding.remedy}", highlight=False, soft_wrap=True)


@commands.command(rich_help_panel=LEARN)
def check(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    notebook: Annotated[Path | None, typer.Argument(help="your notebook; default: the unit's own in course/")] = None,
) -> None:
    """Run every visible check of a unit on your notebook, as grading does; exit status 0 where all pass."""
    from kdtutor.grading import practice, practice_table

    with console.status("running your notebook"):
        found = practice.practise(course(), unit, notebook)
    if not practice_table.show(found, console):
        raise typer.Exit(1)


@commands.command(rich_help_panel=LEARN)
def progress(
    unit: Annotated[str | None, typer.Argument(help="one unit, such as 01_soft_targets; none: all")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="delete what is kept, of the unit or of all")] = False,
) -> None:
    """Show which exercises you have done, tried or not touched, as your notebooks' checks saw them."""
    from kdtutor.checks.progress import forget_progress, progress_folder

    if forget:
        console.print(f"Entries deleted: {forget_progress(unit)}.", highlight=False)
        return
    from kdtutor.checks.progress_table import progress_table

    console.print(progress_table(unit))
    console.print(
        f"Kept on this computer alone, in {progress_folder()}; grading neither reads nor writes it. "
        "kdtutor progress --forget deletes it.",
        highlight=False,
        soft_wrap=True,
    )
