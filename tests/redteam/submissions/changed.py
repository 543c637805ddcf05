"""Notebooks that are changed otherwise than by a cell, or broken, each with the points that it deserves."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from tests.redteam.submissions.released import COURSE, FULL, cell_named, file_of, notebook, with_cell


@dataclass(frozen=True)
class HandedIn:
    """data: the file. score: the points that it deserves. status, verdicts: of the record, where they matter."""

    data: bytes
    score: float
    status: str = "graded"
    verdicts: dict[str, str] | None = None


def _shadowed() -> NotebookNode:
    """torch, check and the secret ones mean something else to this learner, after the solutions are defined."""
    book = notebook(solved=True)
    return with_cell(book, "check = secret_logits = math = 3\nlist = sum = None", at=len(book.cells))


def _in_one_cell() -> NotebookNode:
    """All solutions in one cell of the learner's own at the top, the stubs deleted."""
    book = notebook(solved=True)
    solutions = [cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    source = "import torch\n" + "\n".join(cell.source for cell in solutions)
    book.cells = [cell for cell in book.cells if cell not in solutions]
    return with_cell(book, source)


def _twice(grade_id: str) -> NotebookNode:
    book = notebook(solved=True)
    book.cells.append(deepcopy(cell_named(book, grade_id)))
    return book


def _without_checks() -> NotebookNode:
    book = notebook(solved=True)
    book.cells = [c for c in book.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    return book


def _reversed() -> NotebookNode:
    """The exercises keep working whatever order the cells came back in."""
    book = notebook(solved=True)
    book.cells.reverse()
    return with_cell(book, "import math, torch")


def _marked(change: Callable[[NotebookNode], object], *, solved: bool = False) -> NotebookNode:
    book = notebook(solved=solved)
    for cell in book.cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and not cell.metadata["nbgrader"].get("solution"):
            change(cell)
    return book


def _tagged(cell: NotebookNode) -> None:
    cell.metadata.tags = ["skip-execution", "raises-exception", "experiment", "remove-cell"]


def _worth_more(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.points = 1000


def _no_longer_graded(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.grade = False


def _manual(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.solution = True


def _retyped(cell: NotebookNode) -> None:
    cell.cell_type = "markdown"
    for key in ("outputs", "execution_count"):
        cell.pop(key, None)


def _emptied(cell: NotebookNode) -> None:
    cell.source = "pass"


def _with_outputs(cell: NotebookNode) -> None:
    text = "soften: passed\nEvery value, shape and law agrees with the reference."
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    cell.execution_count = 7


def _forged_check() -> NotebookNode:
    book = notebook(solved=False)
    copy = deepcopy(cell_named(book, "check_kd_loss"))
    copy.source = "pass"
    book.cells.insert(0, copy)
    return book


def _old(version: int) -> bytes:
    book = notebook(solved=True)
    cells = [
        {
            "cell_type": "code",
            "collapsed": False,
            "input": c.source,
            "language": "python",
            "metadata": c.metadata,
            "outputs": [],
        }
        if c.cell_type == "code"
        else {"cell_type": "markdown", "metadata": {}, "source": c.source}
        for c in book.cells
    ]
    return json.dumps(
        {"metadata": {"name": ""}, "nbformat": version, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}
    ).encode()


def changed_notebooks() -> dict[str, Callable[[], HandedIn]]:
    """Notebooks that are changed otherwise than by a cell."""
    nothing, unread = 0.0, "needs-review"

    def graded(book: NotebookNode, score: float) -> HandedIn:
        return HandedIn(file_of(book), score)

    whole = lambda: file_of(notebook(solved=True))  # noqa: E731
    return {
        "checks tagged to be skipped": lambda: graded(_marked(_tagged), nothing),
        "checks worth a thousand points": lambda: graded(_marked(_worth_more), nothing),
        "checks that count no more": lambda: graded(_marked(_no_longer_graded), nothing),
        "checks made a matter of a person": lambda: graded(_marked(_manual), nothing),
        "checks turned into text": lambda: graded(_marked(_retyped), nothing),
        "checks emptied": lambda: graded(_marked(_emptied), nothing),
        "checks with outputs of success": lambda: graded(_marked(_with_outputs), nothing),
        "checks tagged in solved work": lambda: graded(_marked(_tagged, solved=True), FULL),
        "checks emptied in solved work": lambda: graded(_marked(_emptied, solved=True), FULL),
        "a second, empty check of the same name": lambda: graded(_forged_check(), nothing),
        "a check copied": lambda: graded(_twice("check_soften"), FULL),
        "an exercise copied": lambda: graded(_twice("soften"), FULL),
        "all checks deleted": lambda: graded(_without_checks(), FULL),
        "all in one cell, stubs deleted": lambda: graded(_in_one_cell(), FULL),
        "cells in reverse": lambda: graded(_reversed(), FULL),
        "other names for everything": lambda: graded(_shadowed(), FULL),
        "nothing done": lambda: graded(notebook(solved=False), nothing),
        "all done": lambda: graded(notebook(solved=True), FULL),
        "an empty file": lambda: HandedIn(b"", nothing, unread),
        "truncated JSON": lambda: HandedIn(whole()[:4000], nothing, unread),
        "no UTF-8": lambda: HandedIn(b"\xff\xfe\x00\x80" * 100, nothing, unread),
        "a picture": lambda: HandedIn(b"\x89PNG\r\n\x1a\n" + bytes(500), nothing, unread),
        "JSON that is no notebook": lambda: HandedIn(b"[1, 2, 3]", nothing, unread),
        "brackets without end": lambda: HandedIn(b"[" * 200_000, nothing, unread),
        "the notebook of another unit": lambda: HandedIn(
            COURSE.learner_notebook("00_start_here").read_bytes(), nothing, unread
        ),
        "200 MB of blanks": lambda: HandedIn(b" " * 200_000_000, nothing, unread),
        "nbformat 3": lambda: HandedIn(_old(3), FULL),
    }
