"""What every command shares: the application they join, the console they print on, and the course they work on."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from kdtutor.authoring import Course

app = typer.Typer(
    help="A course on making neural networks smaller: its notebooks, and what it takes to teach and grade them. "
    "Begin with `kdtutor lab`; `kdtutor COMMAND --help` says more of each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

LEARN, TEACH, GRADE, MAKE = "Learn", "Teach", "Grade a class", "Make and prove the course"


def main() -> None:
    """Run the command line; a failure meant for a person is one sentence and exit status 1."""
    try:
        app()
    except (ValueError, OSError, RuntimeError) as problem:
        Console(stderr=True).print(f"[bold red]kdtutor:[/] {problem}", highlight=False, soft_wrap=True)
        sys.exit(1)


def course() -> "Course":
    """The course that the current folder lies in, or the one that this package was installed from."""
    from kdtutor.authoring import Course

    try:
        return Course.of(Path.cwd())
    except FileNotFoundError:
        return Course.of(Path(__file__))


def add_to_search_path(variable: str, folder: Path) -> None:
    """Put a folder behind those that an environment variable lists, for the program that is started next."""
    os.environ[variable] = os.pathsep.join(filter(None, [os.environ.get(variable), str(folder)]))
