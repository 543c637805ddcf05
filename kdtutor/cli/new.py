"""The commands that begin something new in the course: new unit, new exercise."""

from pathlib import Path
from typing import Annotated

import typer

from kdtutor.cli.app import console, course

commands = typer.Typer(help="Begin a unit or an exercise from a template that passes the tests.", no_args_is_help=True)


@commands.command("unit")
def new_unit(
    unit: Annotated[str, typer.Argument(help="its number and name, such as 14_my_unit")],
    exercise: Annotated[str | None, typer.Argument(help="its first exercise; default: agreement_<number>")] = None,
) -> None:
    """Add a unit: source, checks, and its rows in the syllabus and the README."""
    from kdtutor.scaffold.write import new_unit as write

    say_next(write(course(), unit, exercise), unit)


@commands.command("exercise")
def new_exercise(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    exercise: Annotated[str, typer.Argument(help="the name of the function that learners write")],
) -> None:
    """Add an exercise to a unit: its cells, its checks, its points and its row in the syllabus."""
    from kdtutor.scaffold.write import new_exercise as write

    say_next(write(course(), unit, exercise), unit)


def say_next(written: list[Path], unit: str) -> None:
    here = course()
    for path in written:
        console.print(here.named(path), markup=False, highlight=False)
    console.print(
        f"It works as it stands: `kdtutor validity {unit}`, then `kdtutor build {unit}`. Now make it yours, one file "
        "after the other; CONTRIBUTING.md goes through it.",
        highlight=False,
        soft_wrap=True,
    )
