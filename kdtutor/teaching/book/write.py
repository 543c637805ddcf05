"""Writing the book: from the units' sources, their checks and their results to a folder of pages."""

import tempfile
from pathlib import Path

import nbformat

from kdtutor.authoring.build import replace_folder, require_ours
from kdtutor.authoring.layout import Course
from kdtutor.authoring.quotes import claims_beside
from kdtutor.authoring.rules import Unit, grade_id, read_unit
from kdtutor.authoring.source import Role
from kdtutor.checks import exercises_by_unit
from kdtutor.teaching.book.answers import answers_of
from kdtutor.teaching.book.mistakes import talk
from kdtutor.teaching.book.page import MATHJAX, Chapter, index_page, unit_page
from kdtutor.teaching.book.script import script
from kdtutor.teaching.book.terms import terms_of
from kdtutor.teaching.mathjax import mathjax

# The rooms of `kdtutor demo`, by the number of the unit that they are about
EXPLORERS = {
    "01": ("Temperature",), "02": ("Race", "Draw"), "05": ("Prune",), "06": ("Prune",), "07": ("Quantise",),
}  # fmt: skip


def write_book(course: Course, folder: Path | None = None) -> Path:
    """Write the book and return the page to begin with. Default: grading/book, which git ignores.

    FileNotFoundError where a unit is not built; ValueError for a folder that learners are given; FileExistsError where
    the folder holds something else than the book.
    """
    place = (folder or course.root / "grading" / "book").resolve()
    for shared in (course.released, course.solutions):
        if place.is_relative_to(shared.resolve()):
            raise ValueError(f"{place} lies in {course.named(shared)}/: the book holds answers and goes to no learner")
    require_ours(place, MATHJAX, "the book")
    chapters = [chapter(course, unit) for unit in course.units]
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        (made / MATHJAX).write_text(mathjax(), encoding="utf-8")
        (made / "index.html").write_text(index_page(chapters), encoding="utf-8")
        for each in chapters:
            (made / f"{each.unit}.html").write_text(unit_page(each), encoding="utf-8")
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(made, place)
    return place / "index.html"


def chapter(course: Course, name: str) -> Chapter:
    """All that the book has of one unit. FileNotFoundError where it is not built."""
    unit = read_unit(course.source(name))
    path = course.solved_notebook(name)
    if not path.is_file():
        raise FileNotFoundError(f"{course.named(path)} is not there: run `kdtutor build {name}` first")
    notebook = nbformat.read(path, as_version=4)
    if [cell.source for cell in notebook.cells] != [cell.source for cell in unit.cells]:
        raise ValueError(f"{course.named(path)} was built from another text: run `kdtutor build {name}` first")
    terms, results = terms_of(unit), claims_beside(unit.source)
    exercises = exercises_by_unit().get(name, {})
    return Chapter(
        unit=name,
        terms=terms,
        sections=script(unit, notebook, results, terms.minutes),
        talks=[talk(each, exercises[each]) for each in _order(unit) if each in exercises],
        answers=answers_of(unit),
        results=results,
        points=_points(unit),
        explorers=EXPLORERS.get(name[:2], ()),
    )


def _order(unit: Unit) -> list[str]:
    return [cell.name for cell in unit.cells if cell.role is Role.EXERCISE]


def _points(unit: Unit) -> dict[str, float]:
    graded = (cell for cell in unit.cells if cell.role in (Role.CHECK, Role.ANSWER))
    return {grade_id(cell).removeprefix("check_"): float(cell.keys["points"]) for cell in graded}
