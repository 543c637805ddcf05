"""The templates with names filled in, and the edits of texts that a new unit or exercise needs. Nothing is written."""

import ast
import keyword
import re
from importlib.resources import files

POINTS = 2  # of a template's exercise
REMEMBER = "# ## What to remember"
UNIT_NAME = re.compile(r"\d\d_[a-z][a-z0-9_]*")
EXERCISE_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


def template(name: str, **filled: str | int) -> str:
    """A template's text with its words in capitals replaced."""
    text = (files("kdtutor.scaffold") / "templates" / f"{name}.txt").read_text("utf-8")
    for word, value in filled.items():
        text = text.replace(word, str(value))
    return text


def exercise_cells(exercise: str) -> str:
    """The cells of a new exercise in a unit's source: why, exercise, check."""
    return template("exercise_cells", EXERCISE_NAME=exercise, EXERCISE_TITLE=title(exercise), POINTS=POINTS).strip()


def unit_source(unit: str, exercise: str) -> str:
    """The source of a new unit with one exercise."""
    return template(
        "unit",
        EXERCISE_CELLS=exercise_cells(exercise),
        UNIT_TITLE=title(unit[3:]),
        EXERCISE_NAME=exercise,
        POINTS=POINTS,
    )


def checks_module(exercise: str) -> str:
    """The module with a new exercise's reference, laws, mistakes, styles and hints."""
    return template("checks", EXERCISE_NAME=exercise)


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def require_unit_name(unit: str) -> None:
    if not UNIT_NAME.fullmatch(unit):
        words = "two digits, an underscore and small letters are needed, as in 14_my_unit"
        raise ValueError(f"{unit!r} is no name for a unit: {words}")


def require_exercise_name(exercise: str) -> None:
    if not EXERCISE_NAME.fullmatch(exercise) or keyword.iskeyword(exercise):
        raise ValueError(
            f"{exercise!r} is no name for an exercise: it becomes a function, in small letters, as in mean_margin"
        )


def with_exercise(source: str, exercise: str) -> str:
    """A unit's source with the cells of a new exercise before "What to remember", or at its end."""
    cells = exercise_cells(exercise)
    at = source.rfind(f"# %% [markdown]\n{REMEMBER}")
    if at < 0:
        return f"{source.rstrip()}\n\n{cells}\n"
    return f"{source[:at]}{cells}\n\n{source[at:]}"


def with_more_points(text: str, row: str) -> str:
    """A text whose row that begins so holds more points in its last column. ValueError where there is no such row."""
    found = re.search(rf"^({re.escape(row)}.*?)(\d+(?:\.\d+)?)( \|)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no row begins with {row!r}")
    return f"{text[: found.start()]}{found[1]}{float(found[2]) + POINTS:g}{found[3]}{text[found.end() :]}"


def with_row(text: str, head: str, row: str, number: str) -> str:
    """A Markdown table with one more row, behind the last whose first column begins with `number` or less.

    head: how the line of its headings begins. ValueError where there is no such table.
    """
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.startswith(head)), None)
    if start is None:
        raise ValueError(f"no table begins with {head!r}")
    at = start + 2
    while at < len(lines) and lines[at].startswith("|") and lines[at][2:4] <= number:
        at += 1
    return "\n".join([*lines[:at], row, *lines[at:]])


def with_import(package: str, unit: str, exercise: str) -> str:
    """The __init__ of a unit's checks that binds one more exercise, from a module of its name.

    `__all__` has the order of the notebook, where the new exercise is the last. ValueError where there is no `__all__`.
    """
    line = f"from kdtutor.checks.units.unit_{unit}.{exercise} import {exercise}"
    imports = [each for each in package.split("\n") if each.startswith("from ")]
    later = next((each for each in imports if each > line), None)
    if later is not None:
        package = package.replace(later, f"{line}\n{later}", 1)
    else:
        package = package.replace(imports[-1], f"{imports[-1]}\n{line}", 1)
    listed = re.search(r"__all__ = (\[.*?\])", package, re.DOTALL)
    if listed is None:
        raise ValueError(f"the checks of {unit} have no __all__, which lists the unit's exercises")
    quoted = [f'"{name}"' for name in (*ast.literal_eval(listed[1]), exercise)]
    flat = f"__all__ = [{', '.join(quoted)}]"
    if "\n" in listed[1] or len(flat) > 120:
        flat = "__all__ = [\n" + "".join(f"    {name},\n" for name in quoted) + "]"
    return package[: listed.start()] + flat + package[listed.end() :]
