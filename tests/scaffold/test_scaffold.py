"""The scaffold: what it writes passes the course's own tests, and what it refuses leaves everything as it was."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kdtutor.authoring import Course
from kdtutor.scaffold import texts
from kdtutor.scaffold.write import new_exercise, new_unit

ROOT = Path(__file__).resolve().parents[2]
UNIT = "14_my_unit"
PROVE = """
import json
from pathlib import Path
import nbformat
from kdtutor.authoring import Course, check_built, leaks
from kdtutor.checks import exercises_by_unit
from kdtutor.checks.validity import validity
from kdtutor.teaching.book.terms import terms_of
from kdtutor.authoring import read_unit
course = Course.of(Path.cwd())
notebook = nbformat.read(course.learner_notebook("14_my_unit"), as_version=4)
marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
print(json.dumps({
    "built": check_built(course.root), "leaks": leaks("14_my_unit", course.root),
    "asked": [m["grade_id"] for m in marks if m.get("solution") and not m.get("grade")],
    "checked": list(exercises_by_unit()["14_my_unit"]),
    "points": sum(m.get("points", 0) for m in marks),
    "promised": terms_of(read_unit(course.source("14_my_unit"))).points,
    "rows": [(r.mistakes, r.mistakes_named, r.styles, r.styles_accepted, r.faults) for r in validity("14_my_unit")],
}))
"""


@pytest.fixture
def checkout(tmp_path) -> Course:
    """What of the repository the scaffold needs, with one unit's source."""
    for name in ("nbgrader_config.py", "README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "kdtutor", tmp_path / "kdtutor", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "solutions").mkdir()
    shutil.copyfile(ROOT / "solutions" / "SYLLABUS.md", tmp_path / "solutions" / "SYLLABUS.md")
    for unit in ("00_start_here", "01_soft_targets"):
        (tmp_path / "solutions" / unit).mkdir()
        shutil.copyfile(ROOT / "solutions" / unit / f"{unit}.py", tmp_path / "solutions" / unit / f"{unit}.py")
    return Course.of(tmp_path)


def state(course: Course) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in course.root.rglob("*") if path.is_file()}


def run(course: Course, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(course.root), "PYTHONDONTWRITEBYTECODE": "1"}
    outcome = subprocess.run(
        [sys.executable, *command], cwd=course.root, env=environment, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return outcome.stdout


def test_a_new_unit_with_a_second_exercise_builds_and_passes_what_every_unit_has_to_pass(checkout):
    shutil.rmtree(checkout.solutions / "00_start_here")
    shutil.rmtree(checkout.solutions / "01_soft_targets")
    assert "14_my_unit.py" in run(checkout, "-m", "kdtutor", "new", "unit", UNIT)
    run(checkout, "-m", "kdtutor", "new", "exercise", UNIT, "a_margin")
    run(checkout, "-m", "kdtutor", "build", UNIT)
    found = json.loads(run(checkout, "-c", PROVE).splitlines()[-1])
    assert (found["built"], found["leaks"]) == ([], [])
    assert found["asked"] == found["checked"] == ["agreement_14", "a_margin"]
    assert found["points"] == found["promised"] == 2 * texts.POINTS
    for mistakes, named, styles, accepted, faults in found["rows"]:
        assert faults == []
        assert mistakes == named >= 5
        assert styles == accepted >= 3
    new = [str(path) for path in (checkout.root / "kdtutor" / "checks" / "units" / f"unit_{UNIT}").glob("*.py")]
    assert len(new) == 3
    run(checkout, "-m", "ruff", "check", "--no-cache", *new, str(checkout.source(UNIT)))
    run(checkout, "-m", "ruff", "format", "--no-cache", "--check", *new)


def test_a_new_unit_stands_in_the_syllabus_and_the_readme_behind_the_others(checkout):
    new_unit(checkout, UNIT, "margin")
    syllabus = (checkout.solutions / "SYLLABUS.md").read_text()
    lines = syllabus.split("\n")
    row = lines.index("| 14 | `14_my_unit` | My unit | 20 minutes | 2 |")
    assert lines[row - 1].startswith("| 13 |")
    assert "| 14 | `margin` | how often two networks find the same class likeliest | — |" in lines
    readme = (checkout.root / "README.md").read_text().split("\n")
    row = readme.index("| 14 my unit | agreement of two networks | what noise does to it |")
    assert readme[row - 1].startswith("| 13 ")


def test_a_new_exercise_goes_before_what_to_remember_and_into_points_checks_and_syllabus(checkout):
    new_exercise(checkout, "01_soft_targets", "margin")
    source = checkout.source("01_soft_targets").read_text()
    before = (ROOT / "solutions" / "01_soft_targets" / "01_soft_targets.py").read_text()
    assert source.index('exercise="which_divergence"') < source.index('exercise="margin"') < source.index("to remember")
    assert "# | Points | 12 |" in before
    assert "# | Points | 14 |" in source
    package = (checkout.root / "kdtutor/checks/units/unit_01_soft_targets/__init__.py").read_text()
    assert "from kdtutor.checks.units.unit_01_soft_targets.margin import margin\n" in package
    assert '"margin"' in package.split("__all__")[1]
    syllabus = (checkout.solutions / "SYLLABUS.md").read_text().split("\n")
    row = syllabus.index("| 01 | `margin` | how often two networks find the same class likeliest | — |")
    assert syllabus[row - 1].startswith("| 01 |")
    assert syllabus[row + 1].startswith("| 02 |")
    assert "| 01 | `01_soft_targets` | Soft targets | 50 minutes | 14 |" in syllabus


@pytest.mark.parametrize(
    ("add", "names", "words"),
    [
        (new_unit, ("my_unit",), "two digits, an underscore and small letters"),
        (new_unit, ("01_again",), "there is a unit 01_soft_targets already"),
        (new_unit, (UNIT, "soften"), "soften is an exercise of 01_soft_targets already"),
        (new_unit, (UNIT, "lambda"), "no name for an exercise"),
        (new_exercise, ("01_soft_targets", "Margin"), "no name for an exercise"),
        (new_exercise, ("99_none", "margin"), "there is no unit 99_none"),
        (new_exercise, ("00_start_here", "margin"), "holds the checks of its unit in one file"),
    ],
)
def test_what_is_refused_is_refused_in_words_and_nothing_is_written(checkout, add, names, words):
    before = state(checkout)
    with pytest.raises(ValueError, match=words):
        add(checkout, *names)
    assert state(checkout) == before


def test_a_course_without_the_checks_is_told_that_a_checkout_is_needed(checkout):
    shutil.rmtree(checkout.root / "kdtutor")
    with pytest.raises(ValueError, match="a checkout of kdtutor's repository is needed"):
        new_unit(checkout, UNIT)


def test_an_import_is_put_in_order_and_the_name_behind_those_that_the_notebook_has_before():
    package = "from kdtutor.checks.units.unit_14_u.a import a\nfrom kdtutor.checks.units.unit_14_u.c import c\n\n{}\n"
    middle = texts.with_import(package.format('__all__ = ["a", "c"]'), "14_u", "b")
    assert [line.split(".")[-1] for line in middle.split("\n")[:3]] == ["a import a", "b import b", "c import c"]
    assert '__all__ = ["a", "c", "b"]' in middle
    last = texts.with_import(package.format('__all__ = [\n    "c",\n    "a",\n]'), "14_u", "d")
    assert last.split("\n")[2].endswith("d import d")
    assert '__all__ = [\n    "c",\n    "a",\n    "d",\n]' in last
    with pytest.raises(ValueError, match="the checks of 14_u have no __all__"):
        texts.with_import(package.format(""), "14_u", "b")
