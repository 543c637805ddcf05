"""Measuring a unit's claims again: its own notebook runs and records them into results.json."""

import os
import tempfile
from pathlib import Path

from kdtutor.authoring.execute import CellError, execute
from kdtutor.authoring.layout import Course
from kdtutor.authoring.notebook import to_notebook
from kdtutor.authoring.problems import BuildError, Problem
from kdtutor.authoring.quotes import RESULTS
from kdtutor.authoring.rules import read_unit

RECORD_INTO = "KDTUTOR_RESULTS"


def measure_again(unit: str, root: Path) -> Path | None:
    """Run the unit's solved notebook and write what it records to `solutions/<unit>/results.json`.

    The claims are collected elsewhere and put in place at the end: a run that fails leaves the file as it was.
    Returns the file's path, or None for a unit that records nothing. BuildError where a cell fails.
    """
    course = Course.of(root)
    source = course.source(unit)
    read = read_unit(source, quote=False)
    with tempfile.TemporaryDirectory() as temporary:
        recorded = Path(temporary) / RESULTS
        before = os.environ.get(RECORD_INTO)
        os.environ[RECORD_INTO] = str(recorded)
        try:
            execute(to_notebook(read), source.parent)
        except CellError as failure:
            cell = read.cells[failure.index]
            raise BuildError([Problem(course.named(source), cell.at(failure.line), failure.words)]) from None
        finally:
            if before is None:
                del os.environ[RECORD_INTO]
            else:
                os.environ[RECORD_INTO] = before
        if not recorded.is_file():
            return None
        target = source.with_name(RESULTS)
        target.write_text(recorded.read_text(encoding="utf-8"), encoding="utf-8")
    return target
