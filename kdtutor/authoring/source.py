"""From the text of a unit to its cells: which kind, which role, and in which line of the file each stands.

A cell starts with a header line, `# %%` or `# %% [markdown]`, that may carry keys, as jupytext's percent format
reads them: strings in double quotes, numbers and lists bare, one space between. A flag is a word without a value and
stands anywhere after `# %%`, before or after the keys.

    # %% exercise="soften" difficulty=2 minutes=5       the learner writes this cell (code with a solution region)
    # %% check="soften" points=2                        its locked test cell (may hold hidden tests)
    # %% check="artifact" part="bytes" points=2         a further test cell of one exercise, with points of its own
    # %% [markdown] answer="why_soft" points=3          graded by a person (markdown or code with a solution region)
    # %% given                                          read-only (code or markdown)
    # %% given="tools"                                  read-only, under a name that survives edits of its text
    # %% experiment                                     code that grading skips
    # %% given experiment tags=["hide-input"]           flags and keys together
    # %% [markdown] instructor                          for the instructor's book alone: in no notebook

Regions stand between markers, each alone on its line: `### BEGIN SOLUTION` and `### END SOLUTION` in exercises and
answers, `### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS` in checks, `### BEGIN MARK SCHEME` and
`### END MARK SCHEME` inside the solution of an answer. In markdown `<!-- BEGIN SOLUTION -->` does as well and does
not show. Nothing between markers reaches a learner.
"""

import ast
import math
import re
import warnings
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import jupytext

from kdtutor.authoring.problems import Problem

NAMING_KEYS = ("exercise", "check", "answer", "given")
EXPERIMENT = "experiment"
INSTRUCTOR = "instructor"
KEYS = (*NAMING_KEYS, "part", "points", EXPERIMENT, INSTRUCTOR, "difficulty", "minutes", "tags")
FLAGS = ("given", EXPERIMENT, INSTRUCTOR)
LONGEST_NAME = 50  # nbformat allows ids of 64 characters, and ours carry a prefix

# Where jupytext begins a cell, as far as a line tells; in a string or a fenced block the same line begins none.
HEADER = re.compile(r"^\s*#\s*%%(?:%*\s.*)?$")
OTHER_HEADER = re.compile(r"^\s*#\s*(<codecell>|In\[[0-9 ]*\]:?)\s*$")
LINE_KEY = "kdtutor_line"


class Role(StrEnum):
    """What a cell is for."""

    ORDINARY = "ordinary"
    EXERCISE = "exercise"
    CHECK = "check"
    ANSWER = "answer"
    GIVEN = "given"


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a unit, equal to itself only.

    `keys` is what its header says, `line` the header's line in the file, `lines` that of each line of `source`.
    """

    kind: str
    source: str
    line: int
    lines: tuple[int, ...]
    role: Role = Role.ORDINARY
    name: str = ""
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def experiment(self) -> bool:
        return bool(self.keys.get(EXPERIMENT)) or EXPERIMENT in self.keys.get("tags", [])

    @property
    def instructor(self) -> bool:
        """Whether the cell is for the instructor's book and stands in no notebook."""
        return bool(self.keys.get(INSTRUCTOR))

    def at(self, line_in_cell: int) -> int:
        """The file's line of the cell's line (counted from 1)."""
        return self.lines[line_in_cell - 1] if 1 <= line_in_cell <= len(self.lines) else self.line


def read_cells(text: str, path: str) -> tuple[list[Cell], list[Problem]]:
    """The cells of a unit's text, and what is wrong with their headers."""
    problems: list[Problem] = []
    cells: list[Cell] = []
    raw = text.splitlines()
    # jupytext does not say where a cell stood, so a copy is read whose headers carry their line as one more key
    marked = [f"{line.rstrip()} {LINE_KEY}={i}" if HEADER.match(line) else line for i, line in enumerate(raw, 1)]
    try:
        plain, located = (jupytext.reads("\n".join(lines) + "\n", fmt="py:percent").cells for lines in (raw, marked))
    except Exception as error:  # jupytext documents none, and raises several for odd values
        return [], unreadable_headers(raw, path) or [Problem(path, 1, f"jupytext cannot read the file: {error}")]
    starts = [header_line(cell.metadata) for cell in located]
    for i, (cell, start) in enumerate(zip(plain, starts, strict=True)):
        if start is None:
            problems += cell_without_header(cell.source, raw, max([0, *filter(None, starts[:i])]), path)
            continue
        stop = next((s for s in starts[i + 1 :] if s is not None), len(raw) + 1)
        keys, wrong = header_keys(raw[start - 1], dict(located[i].metadata))
        role, name, wrong_name = role_and_name(keys)
        problems += [Problem(path, start, words) for words in (*wrong, *wrong_name)]
        lines = locate(cell.source.split("\n"), raw[start : stop - 1], start)
        cells.append(Cell(cell.cell_type, cell.source, start, lines, role, name, keys))
    return cells, problems


def read_text(source: Path) -> str:
    """The text of a source file. UnicodeDecodeError says where it is not UTF-8."""
    return source.read_bytes().decode("utf-8").replace("\r\n", "\n")


def header_line(metadata: dict[str, Any]) -> int | None:
    if LINE_KEY in metadata:
        return metadata[LINE_KEY]
    unread = re.search(rf"{LINE_KEY}=(\d+)", str(metadata.get("incorrectly_encoded_metadata", "")))
    return int(unread[1]) if unread else None


def unreadable_headers(raw: list[str], path: str) -> list[Problem]:
    """Headers that jupytext stumbles over even when they stand alone."""
    problems = []
    for number, line in enumerate(raw, 1):
        if HEADER.match(line):
            try:
                jupytext.reads(f"{line}\npass\n", fmt="py:percent")
            except Exception as error:
                words = f"cannot read the header {line.strip()!r}: {str(error).splitlines()[0]}"
                problems.append(Problem(path, number, words))
    return problems


def cell_without_header(source: str, raw: list[str], previous: int, path: str) -> list[Problem]:
    """Text before the first header, or a cell in the marks of other formats that jupytext reads as well."""
    if previous:
        other = next((i for i, line in enumerate(raw, 1) if i > previous and OTHER_HEADER.match(line)), previous)
        return [Problem(path, other, "a cell starts with '# %%', not with the mark of another format")]
    first = next((i for i, line in enumerate(raw, 1) if line.strip()), 1)
    words = "text before the first cell: start it with '# %%' or '# %% [markdown]'"
    return [Problem(path, first, words)] if source.strip() else []


def locate(source: list[str], raw: list[str], header: int) -> tuple[int, ...]:
    """The file's line of each source line: jupytext only drops comment marks and blank lines at the ends."""
    found, position = [], 0
    for line in source:
        forms = {line, f"# {line}", f"#{line}"} if line else {"", "#", "# "}
        match = next((i for i in range(position, len(raw)) if raw[i] in forms or raw[i].rstrip() in forms), None)
        position = position if match is None else match + 1
        found.append(header + position)
    return tuple(found)


def header_keys(header: str, metadata: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Keys and flags of a header as jupytext understood them, and in words what it or we cannot accept."""
    if "incorrectly_encoded_metadata" in metadata:
        return {}, [f'cannot read the header {header.strip()!r}: write keys as key="text", key=3 or key=["a", "b"]']
    words: list[str] = []
    written = re.findall(r"([A-Za-z_][\w-]*)\s*=", re.sub(r'"[^"]*"|\'[^\']*\'', '""', header))
    words += [f"key {key} stands twice in the header" for key in dict.fromkeys(written) if written.count(key) > 1]
    titles = str(metadata.pop("title", "")).split()
    flags = titles + [key for key, value in metadata.items() if value is None]
    unknown = [key for key in dict.fromkeys(written) if key not in KEYS]
    unknown += [f for f in flags if f not in FLAGS and f not in unknown]
    if "cell_depth" in metadata:
        words.append("a cell starts with '# %%', not with more percent signs")
    words += [f"unknown key {key}: a header knows {', '.join(KEYS)}" for key in unknown]
    keys = {key: value for key, value in metadata.items() if key in KEYS and value is not None}
    keys |= {flag: True for flag in FLAGS if flag in flags}
    return keys, words + [wrong for key, value in keys.items() if (wrong := wrong_value(key, value))]


def wrong_value(key: str, value: Any) -> str | None:
    """Why a key may not hold this value, in words; None where it may."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in ("points", "minutes") and not (number and 0 < value < math.inf):
        return f"{key} is {value!r}: a positive number is needed"
    if key == "difficulty" and not (isinstance(value, int) and number and 1 <= value <= 5):
        return f"difficulty is {value!r}: a whole number from 1 to 5 is needed"
    if key in (EXPERIMENT, INSTRUCTOR) and value is not True:
        return f"{key} is {value!r}: it is a flag and takes no value"
    if key in NAMING_KEYS and not (key == "given" and value is True) and not is_name(value):
        return f"{key} is {value!r}: a Python name of at most {LONGEST_NAME} characters is needed, in double quotes"
    return None


def is_name(value: Any) -> bool:
    """Whether this can be an exercise: a name of Python, plain ASCII as nbgrader's ids must be."""
    if not (isinstance(value, str) and value.isascii() and value.isidentifier() and len(value) <= LONGEST_NAME):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(f"{value} = 0")
        except SyntaxError:
            return False
    return True


def role_and_name(keys: dict[str, Any]) -> tuple[Role, str, list[str]]:
    given = [key for key in NAMING_KEYS if key in keys]
    if not given:
        return Role.ORDINARY, "", []
    wrong = [f"a cell has one role, this header gives {len(given)}: {', '.join(given)}"] if len(given) > 1 else []
    value = keys[given[0]]
    return Role(given[0]), value if is_name(value) else "", wrong
