"""`kdtutor demo`: what Voila is handed, and that nothing on its page comes from elsewhere."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from kdtutor.cli import app
from kdtutor.demos import served


def test_the_notebook_that_voila_serves_is_one_cell_made_anew(tmp_path: Path) -> None:
    for ask in (True, False):
        notebook = nbformat.read(served.write_notebook(tmp_path / "demo", ask=ask), as_version=4)
        nbformat.validate(notebook)
        (cell,) = notebook.cells
        assert cell.source.endswith(f"open_page(ask={ask})")


def test_voila_is_given_a_template_that_is_there_and_asks_nobody_else() -> None:
    template = served.JUPYTER_PATH / "voila" / "templates" / served.TEMPLATE
    text = (template / "index.html.j2").read_text(encoding="utf-8")
    assert f"--template={served.TEMPLATE}" in served.voila_arguments(Path("a.ipynb"))
    assert "http" not in text
    assert (template / "conf.json").is_file()


def test_the_command_hands_voila_the_notebook_and_what_follows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setenv("KDTUTOR_CACHE", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", "before")
    monkeypatch.setattr(os, "execv", lambda _path, arguments: called.append(arguments))
    result = CliRunner().invoke(app, ["demo", "--no-ask", "--no-browser", "--port=9000"])
    assert result.exit_code == 0, result.output
    ((python, *arguments),) = called
    assert python == sys.executable
    assert arguments[:3] == ["-m", "voila", str(tmp_path / "demo" / "explorers.ipynb")]
    assert arguments[-2:] == ["--no-browser", "--port=9000"]
    assert "open_page(ask=False)" in Path(arguments[2]).read_text(encoding="utf-8")
    assert os.environ["JUPYTER_PATH"].split(os.pathsep) == ["before", str(served.JUPYTER_PATH)]
