"""The command `kdtutor`. Each command imports what it needs when it runs, so that `--help` answers at once."""

from kdtutor.cli import grade, learn, make, new, teach
from kdtutor.cli.app import MAKE, app, main

for group in (learn, teach, make, grade):  # --help shows them in this order
    app.add_typer(group.commands)
app.add_typer(new.commands, name="new", rich_help_panel=MAKE)

__all__ = ["app", "main"]
