"""The cell at the top of a learner's notebook that shows how far the learner is in the unit.

nbgrader_config.py puts it among the steps that make a learner's notebook of a solved one. The solved notebook has none:
it has nothing to show there, and what it would show would be the author's.
"""

import json
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from kdtutor.authoring.source import EXPERIMENT

CARD_ID = "progress-card"
# JupyterLab folds the code away; grading skips the cell
METADATA = {"tags": [EXPERIMENT], "jupyter": {"source_hidden": True}}


class AddCard(NbGraderPreprocessor):
    """Puts the card's cell behind the first cell of a unit with exercises; once, however often nbgrader asks."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        unit = nb.metadata.get("kdtutor", {}).get("unit")
        exercises = [name for cell in nb.cells if (name := cell.metadata.get("kdtutor", {}).get("exercise"))]
        if unit and exercises and CARD_ID not in [cell.get("id") for cell in nb.cells]:
            call = f"progress_card({json.dumps(unit)}, {json.dumps(exercises)})"
            source = f"from kdtutor.checks import progress_card\n\n{call}"
            nb.cells.insert(1, nbformat.v4.new_code_cell(source, id=CARD_ID, metadata=METADATA))
        return nb, resources
