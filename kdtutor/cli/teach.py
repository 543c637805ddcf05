"""The commands of those who teach: demo, slides, book."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kdtutor.cli.app import TEACH, add_to_search_path, console, course

commands = typer.Typer()


@commands.command(rich_help_panel=TEACH, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(
    context: typer.Context,
    ask: Annotated[bool, typer.Option(help="ask for predictions before the explorers show what was measured")] = True,
) -> None:
    """Open the explorers full-screen for a projector. What follows is handed to Voila: --no-browser, --port=9000."""
    from kdtutor.data.cache_folder import cache_folder
    from kdtutor.demos import served

    notebook = served.write_notebook(cache_folder() / "demo", ask=ask)
    add_to_search_path("JUPYTER_PATH", served.JUPYTER_PATH)
    os.execv(sys.executable, [sys.executable, "-m", "voila", *served.voila_arguments(notebook), *context.args])


@commands.command(rich_help_panel=TEACH)
def slides(
    unit: Annotated[str, typer.Argument(help="the unit, such as 01_soft_targets")],
    solutions: Annotated[bool, typer.Option("--solutions", help="show exercises and answers solved")] = False,
    out: Annotated[Path | None, typer.Option(help="the file; default: build/slides/<unit>.html")] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="open it in the browser")] = True,
) -> None:
    """Show a unit as slides: one file for any browser, no network needed. Space steps on, Esc shows them all."""
    import webbrowser

    from kdtutor.teaching.slides.page import write_slides

    with console.status("making the slides"):
        written = write_slides(course(), unit, out, solutions=solutions)
    console.print(str(written), markup=False, highlight=False, soft_wrap=True)
    if show:
        webbrowser.open(written.resolve().as_uri())


@commands.command(rich_help_panel=TEACH)
def book(
    out: Annotated[Path | None, typer.Option(help="its folder; default: grading/book")] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="open it in the browser")] = True,
) -> None:
    """Write the instructor's book: for each unit a plan for the class, its known mistakes, sample answers, rubrics."""
    import webbrowser

    from kdtutor.teaching.book.write import write_book

    with console.status("writing the book"):
        written = write_book(course(), out)
    console.print(str(written), markup=False, highlight=False, soft_wrap=True)
    if show:
        webbrowser.open(written.resolve().as_uri())
