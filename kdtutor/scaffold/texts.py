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
    text = template("unit", EXERCISE_CELLS=exercise_cells(exercise))
    for word, value in (("UNIT_TITLE", title(unit[3:])), ("EXERCISE_NAME", exercise), ("POINTS", POINTS)):
        text = text.replace(word, str(value))
    return text


def checks_module(exercise: str) -> str:
    """The module with a new exercise's reference, laws, mistakes, styles and hints."""
    return template("checks", EXERCISE_NAME=exercise)


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def problem_with_unit(unit: str) -> str | None:
    """Why a unit cannot have this name, in words."""
    if UNIT_NAME.fullmatch(unit):
        return None
    return f"{unit!r} is no name for a unit: two digits, an underscore and small letters are needed, as in 14_my_unit"


def problem_with_exercise(exercise: str) -> str | None:
    """Why an exercise cannot have this name, in words."""
    if EXERCISE_NAME.fullmatch(exercise) and not keyword.iskeyword(exercise):
        return None
    return f"{exercise!r} is no name for an exercise: it becomes a function, in small letters, as in mean_margin"


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
    """The __init__ of a unit's checks that binds one more exercise, from a module of its name."""
    line = f"from kdtutor.checks.units.unit_{unit}.{exercise} import {exercise}"
    imports = [each for each in package.split("\n") if each.startswith("from ")]
    later = next((each for each in imports if each > line), None)
    if later is not None:
        package = package.replace(later, f"{line}\n{later}", 1)
    else:
        package = package.replace(imports[-1], f"{imports[-1]}\n{line}", 1)
    listed = re.search(r"__all__ = (\[.*?\])", package, re.DOTALL)
    if listed is None:
        return package
    names = ast.literal_eval(listed[1])
    names = sorted([*names, exercise]) if names == sorted(names) else [*names, exercise]
    quoted = [f'"{name}"' for name in names]
    flat = f"__all__ = [{', '.join(quoted)}]"
    if "\n" in listed[1] or len(flat) > 120:
        flat = "__all__ = [\n" + "".join(f"    {name},\n" for name in quoted) + "]"
    return package[: listed.start()] + flat + package[listed.end() :]
