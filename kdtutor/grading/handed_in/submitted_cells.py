"""From the bytes of a submitted file to the text of its cells, whatever the bytes.

Nothing but text comes out: the kind of each cell, its source, and the two names it goes by. Reading asks for little:
a notebook that breaks nbformat's schema is read as far as it makes sense, and what makes none is said in a sentence.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kdtutor.grading.records.names import readable

LARGEST = 20 * 2**20  # bytes of a file
# An empty list costs two bytes in the file and thirty times as many in memory
MOST_CONTAINERS = 1_000_000
LONGEST_VERSION = 4  # digits

_NO_NOTEBOOK = {b"PK\x03\x04": "a zip archive", b"%PDF": "a PDF", b"<": "a web page or XML", b"\x89PNG": "a picture"}


class Unreadable(ValueError):  # noqa: N818
    """A file that no notebook of the unit can be had from; the message is one sentence for the learner."""


@dataclass(frozen=True)
class SubmittedCell:
    """A cell as it was handed in. `kind` is "code", "markdown" or anything else that stood there."""

    kind: str
    source: str
    grade_id: str | None
    cell_id: str | None


@dataclass(frozen=True)
class SubmittedCells:
    """The cells of a file that hold any text, and one sentence for each thing that had to be mended to read them."""

    cells: tuple[SubmittedCell, ...]
    repairs: tuple[str, ...]


def read_cells(data: bytes) -> SubmittedCells:
    """The cells of a notebook file. Unreadable, and no other exception, where the bytes hold none.

    Encodings: UTF-8, UTF-16 and UTF-32, with and without a byte order mark; in other bytes what is not UTF-8 becomes
    U+FFFD, and the repairs say so. Formats: nbformat 4, and 2 and 3, whose cells lie in worksheets.
    """
    text, repairs = _decoded(data)
    notebook = _parsed(text)
    found, older = _list_of_cells(notebook)
    if older:
        repairs.append("The notebook was saved in an old format: its cells were converted.")
    read = [_cell(cell) for cell in found]
    damaged = read.count(None)
    if damaged:
        many = "One cell" if damaged == 1 else f"{damaged} cells"
        repairs.append(f"{many} of the file could not be read and had to be left out.")
    return SubmittedCells(tuple(cell for cell in read if cell and cell.source.strip()), tuple(repairs))


def _decoded(data: bytes) -> tuple[str, list[str]]:
    if len(data) > LARGEST:
        raise Unreadable(
            f"The file has {len(data) / 2**20:.0f} MB, and at most {LARGEST >> 20} MB are read: clear the outputs."
        )
    if not data.strip():
        raise Unreadable("The file is empty.")
    for beginning, what in _NO_NOTEBOOK.items():
        if data.lstrip().startswith(beginning):
            raise Unreadable(f"The file is {what}, not a notebook.")
    try:
        return data.decode(json.detect_encoding(data)), []
    except UnicodeDecodeError:
        words = "The file is not UTF-8 text: what could not be read was replaced by �."
        return data.decode("utf-8-sig", "replace"), [words]


def _parsed(text: str) -> Any:
    if text.count("[") + text.count("{") > MOST_CONTAINERS:
        raise Unreadable(f"The file holds more than {MOST_CONTAINERS:,} lists and objects: that is no notebook.")
    try:
        return json.loads(text, parse_int=_version_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"The file is not a whole notebook: its JSON is broken in {where}.") from None
    except (RecursionError, MemoryError):
        raise Unreadable("The file nests lists and objects too deeply: that is no notebook.") from None


def _version_number(digits: str) -> int:
    """The only whole numbers that are looked at are versions; Python refuses to read those of thousands of digits."""
    return int(digits) if len(digits) <= LONGEST_VERSION else 0


def _list_of_cells(notebook: Any) -> tuple[list[Any], bool]:
    """The cells in a notebook's JSON, and whether its format is older than 4."""
    if not isinstance(notebook, dict):
        raise Unreadable("The file is JSON but not a notebook.")
    if isinstance(notebook.get("cells"), list):
        return notebook["cells"], False
    worksheets = notebook.get("worksheets")
    if isinstance(worksheets, list):
        lists = [sheet.get("cells") for sheet in worksheets if isinstance(sheet, dict)]
        return [cell for cells in lists if isinstance(cells, list) for cell in cells], True
    raise Unreadable("The file is JSON but not a notebook: it holds no list of cells.")


def _cell(cell: Any) -> SubmittedCell | None:
    """The cell in plain text; None where it is no cell or its source no text."""
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input"))  # "input" in formats 2 and 3
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    source = readable(source).replace("\r\n", "\n")
    kind = cell.get("cell_type")
    if kind == "heading":  # in format 3 a kind of its own, with the level beside the text
        level = cell.get("level")
        marks = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1)
        kind, source = "markdown", f"{marks} {source}"
    return SubmittedCell(kind if isinstance(kind, str) else "", source, _grade_id(cell), _text(cell.get("id")))


def _grade_id(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return _text(marks.get("grade_id")) if isinstance(marks, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_DEFINITION = re.compile(
    r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)


def defined_names(code: str) -> Iterator[str]:
    """Names that the lines of a cell's outermost level define, in text that need not be Python."""
    return (match[1] or match[2] for match in _DEFINITION.finditer(code))
