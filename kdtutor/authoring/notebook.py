"""From a unit's cells to a notebook that nbgrader understands, the same bytes for the same text.

Cell ids and grade ids come from the names an author gave; a cell without a name gets a hash of its own text, so that
a cell put in between changes no other cell's id.
"""

from collections import Counter
from hashlib import sha256
from typing import Any

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.rules import Unit, grade_id
from kdtutor.authoring.source import EXPERIMENT, NAMING_KEYS, Cell, Role

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
NBGRADER_SCHEMA = 3
KEPT_KEYS = (*NAMING_KEYS, "part", "difficulty", "minutes")


def to_notebook(unit: Unit) -> NotebookNode:
    """The unit as a notebook that has not run. Its metadata `kdtutor` holds the unit's name and the text's SHA-256."""
    ids = cell_ids(unit.cells)
    notebook = nbformat.v4.new_notebook(
        cells=[to_cell(cell, cell_id) for cell, cell_id in zip(unit.cells, ids, strict=True)],
        metadata={
            "kernelspec": dict(KERNELSPEC),
            "language_info": dict(LANGUAGE_INFO),
            "kdtutor": {"unit": unit.name, "source_sha256": unit.sha256},
        },
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def cell_ids(cells: tuple[Cell, ...]) -> list[str]:
    """One id a cell, unique in the notebook: its name in nbgrader's books, else a hash with a counter for repeats."""
    repeats: Counter[str] = Counter()
    ids = []
    for cell in cells:
        if cell.name:
            ids.append(grade_id(cell))
            continue
        prefix = "given" if cell.role is Role.GIVEN else "cell"
        base = f"{prefix}-{sha256(f'{cell.kind}:{cell.source}'.encode()).hexdigest()[:12]}"
        repeats[base] += 1
        ids.append(base if repeats[base] == 1 else f"{base}-{repeats[base]}")
    return ids


def to_cell(cell: Cell, cell_id: str) -> NotebookNode:
    new = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }[cell.kind]
    metadata: dict[str, Any] = {}
    if cell.role is not Role.ORDINARY:
        metadata["nbgrader"] = nbgrader_metadata(cell, cell_id)
    if kept := {key: cell.keys[key] for key in KEPT_KEYS if key in cell.keys}:
        metadata["kdtutor"] = kept
    tags = list(dict.fromkeys([*cell.keys.get("tags", []), *([EXPERIMENT] if cell.experiment else [])]))
    if tags:
        metadata["tags"] = tags
    return new(source=cell.source, id=cell_id, metadata=metadata)


def nbgrader_metadata(cell: Cell, grade_id: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "schema_version": NBGRADER_SCHEMA,
        "grade_id": grade_id,
        "grade": cell.role in (Role.CHECK, Role.ANSWER),
        "solution": cell.role in (Role.EXERCISE, Role.ANSWER),
        "locked": cell.role in (Role.CHECK, Role.GIVEN),
        "task": False,
    }
    if metadata["grade"]:
        metadata["points"] = cell.keys["points"]
    return metadata


def to_bytes(notebook: NotebookNode) -> bytes:
    """The notebook's file: sorted keys, indent 1, UTF-8, one newline at the end."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
