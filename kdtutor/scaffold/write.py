"""Writing a new unit or exercise into a checkout of the course: every file that its tests ask for, or none."""

import re
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.scaffold import texts

UNITS = Path("kdtutor", "checks", "units")
SYLLABUS_UNITS, SYLLABUS_EXERCISES, README_UNITS = "| unit | folder |", "| unit | exercise |", "| unit | you build |"


def new_unit(course: Course, unit: str, exercise: str | None = None) -> list[Path]:
    """Add a unit with one exercise; returns the files written. ValueError where a name is taken or is none.

    exercise: its name; by default agreement_<number of the unit>.
    """
    name = exercise or f"agreement_{unit[:2]}"
    texts.require_unit_name(unit)
    same = [each for each in course.units if each[:2] == unit[:2]]
    if same:
        raise ValueError(f"there is a unit {same[0]} already: take another number")
    _require_free_name(course, name)
    checks = _checks(course)
    number, title = unit[:2], texts.title(unit[3:])
    package = (
        f'"""Unit {number}: {title.lower()}."""\n\n'
        f"from kdtutor.checks.units.unit_{unit}.{name} import {name}\n\n"
        f'__all__ = ["{name}"]\n'
    )
    written = {
        course.source(unit): texts.unit_source(unit, name),
        checks / f"unit_{unit}" / "__init__.py": package,
        checks / f"unit_{unit}" / f"{name}.py": texts.checks_module(name),
    }
    syllabus, readme = course.solutions / "SYLLABUS.md", course.root / "README.md"
    if syllabus.is_file():
        row = f"| {number} | `{unit}` | {title} | 20 minutes | {texts.POINTS} |"
        text = texts.with_row(syllabus.read_text("utf-8"), SYLLABUS_UNITS, row, number)
        written[syllabus] = texts.with_row(text, SYLLABUS_EXERCISES, _exercise_row(number, name), number)
    if readme.is_file():
        row = f"| {number} {title.lower()} | agreement of two networks | what noise does to it |"
        written[readme] = texts.with_row(readme.read_text("utf-8"), README_UNITS, row, number)
    return _write(written)


def new_exercise(course: Course, unit: str, exercise: str) -> list[Path]:
    """Add an exercise to a unit; returns the files written. ValueError where a name is taken or is none."""
    _require_free_name(course, exercise)
    if unit not in course.units:
        raise ValueError(f"there is no unit {unit}: units are {', '.join(course.units)}")
    checks = _checks(course) / f"unit_{unit}"
    package = checks / "__init__.py"
    if checks.with_suffix(".py").is_file():
        raise ValueError(
            f"{course.named(checks.with_suffix('.py'))} holds the checks of its unit in one file: make it a folder "
            f"{checks.name}/ with an __init__.py first, so that each exercise has a file"
        )
    source, syllabus = course.source(unit), course.solutions / "SYLLABUS.md"
    text = texts.with_exercise(source.read_text("utf-8"), exercise)
    written = {
        source: texts.with_more_points(text, "# | Points | "),
        checks / f"{exercise}.py": texts.checks_module(exercise),
        package: texts.with_import(package.read_text("utf-8"), unit, exercise),
    }
    if syllabus.is_file():
        text = texts.with_more_points(syllabus.read_text("utf-8"), f"| {unit[:2]} | `{unit}` | ")
        written[syllabus] = texts.with_row(text, SYLLABUS_EXERCISES, _exercise_row(unit[:2], exercise), unit[:2])
    return _write(written)


def _exercise_row(number: str, exercise: str) -> str:
    return f"| {number} | `{exercise}` | how often two networks find the same class likeliest | — |"


def _checks(course: Course) -> Path:
    folder = course.root / UNITS
    if not (folder / "__init__.py").is_file():
        raise ValueError(f"{course.root} holds no {UNITS.as_posix()}/: a checkout of kdtutor's repository is needed")
    return folder


def _require_free_name(course: Course, exercise: str) -> None:
    """A name belongs to one exercise of the whole course, since a check finds its exercise by the name."""
    texts.require_exercise_name(exercise)
    for unit in course.units:
        if re.search(rf'^# %%.*\bexercise="{exercise}"', course.source(unit).read_text("utf-8"), re.MULTILINE):
            raise ValueError(f"{exercise} is an exercise of {unit} already: take another name")


def _write(texts_by_path: dict[Path, str]) -> list[Path]:
    for path, text in texts_by_path.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts_by_path)
