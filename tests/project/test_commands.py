"""The commands read well: each stands in a group and says what it does, and what the documents name is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from kdtutor.cli.app import GRADE, LEARN, MAKE, TEACH, app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS: Any = typer.main.get_command(app)
NAMED = re.compile(r"(?:^ {4}|`|bin/)kdtutor ([a-z][a-z-]+)(?: ([a-z]+)\b)?", re.MULTILINE)


def commands() -> dict[str, Any]:
    return dict(COMMANDS.commands)


def test_every_command_stands_in_a_group_and_begins_with_what_it_does() -> None:
    for name, command in commands().items():
        assert command.rich_help_panel in (LEARN, TEACH, GRADE, MAKE), name
        words = (command.help or "").split("\n\n")[0]
        assert re.match(r"[A-Z][a-z]+ .*[.]$", words, re.DOTALL), name
        assert len(words) <= 160, name


def test_the_groups_hold_what_their_people_look_for() -> None:
    found: dict[str, set[str]] = {}
    for name, command in commands().items():
        found.setdefault(command.rich_help_panel, set()).add(name)
    assert {"lab", "check", "progress", "doctor"} <= found[LEARN]
    assert {"demo", "slides", "book"} <= found[TEACH]
    assert {"grade", "feedback", "report"} <= found[GRADE]
    assert {"build", "results", "validity", "new", "site", "bench"} <= found[MAKE]
    assert set(commands()["new"].commands) == {"unit", "exercise"}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_command_that_a_document_names_is_there(document: str) -> None:
    named = set(NAMED.findall((ROOT / document).read_text(encoding="utf-8")))
    assert named
    for command, second in named:
        assert command in commands(), f"{document} names kdtutor {command}"
        group = getattr(commands()[command], "commands", None)
        if group and second:
            assert second in group, f"{document} names kdtutor {command} {second}"
