"""A unit's page: the learner's notebook, with the outputs that the solved notebook had when it ran.

The text comes from the learner's notebook alone, so the page cannot say more than a learner is given. Outputs come
from the solved one, except those of cells that a learner writes: they are a solution's.
"""

from base64 import b64decode
from copy import deepcopy
from hashlib import sha256

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course

NOTE = (
    "```{note}\n"
    "Figures, tables and verdicts on this page come from a run in which every exercise was solved. "
    "To solve them yourself, open the notebook: `make lab`.\n"
    "```"
)


def unit_page(course: Course, unit: str) -> NotebookNode:
    """The notebook of a unit's page. ValueError where the two notebooks were not built from one text."""
    solved, learner = (
        nbformat.read(path, as_version=4) for path in (course.solved_notebook(unit), course.learner_notebook(unit))
    )
    page = with_outputs(learner, solved)
    if [cell.id for cell in page.cells] != [cell.id for cell in solved.cells]:
        raise ValueError(f"the notebooks of {unit} were built from different texts: run kdtutor build {unit}")
    return with_note(page)


def with_outputs(learner: NotebookNode, solved: NotebookNode) -> NotebookNode:
    """The learner's notebook with the outputs of the solved one, cell by cell, where a learner writes nothing.

    Without what the solved one lacks: the card of a learner's own progress has nothing to show here.
    """
    by_id = {cell.id: cell for cell in solved.cells}
    page = deepcopy(learner)
    page.cells = [cell for cell in page.cells if cell.id in by_id]
    for mine in page.cells:
        theirs = by_id[mine.id]
        if mine.cell_type == "code" and not mine.metadata.get("nbgrader", {}).get("solution", False):
            mine.outputs = deepcopy(theirs.outputs)
    return page


def with_note(page: NotebookNode) -> NotebookNode:
    """The page with a note below its title on where the outputs come from."""
    first = page.cells[0]
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{NOTE}\n{rest}"
    return page


def descriptions(page: NotebookNode) -> dict[str, str]:
    """The alternative text of each picture in the notebook, by the SHA-256 of the picture's bytes."""
    found = {}
    for cell in page.cells:
        for output in cell.get("outputs", []):
            for mime, metadata in output.get("metadata", {}).items():
                if mime.startswith("image/") and "alt" in metadata:
                    found[sha256(b64decode(output.data[mime])).hexdigest()] = metadata["alt"]
    return found
