"""Cells for instructors: read with the unit, kept out of both notebooks, guarded like a solution."""

import pytest

from kdtutor.authoring import BuildError, build_unit, check_built, leaks, read_unit
from tests.authoring.conftest import TEXT, UNIT, lay_out

ASIDE = "# %% [markdown] instructor\n# Ask the class what half of it would be.\n\n"
WITH_ASIDE = TEXT.replace("# %% exercise", ASIDE + "# %% exercise")


def test_an_aside_is_read_with_its_line_and_is_no_cell_of_the_notebook(tmp_path):
    course = lay_out(tmp_path, WITH_ASIDE)
    unit = read_unit(course.source(UNIT))
    (aside,) = unit.asides
    assert aside.source == "Ask the class what half of it would be."
    assert WITH_ASIDE.splitlines()[aside.line - 1] == ASIDE.splitlines()[0]
    assert aside not in unit.cells


def test_neither_notebook_holds_an_aside_and_errors_still_name_their_lines(tmp_path):
    course = lay_out(tmp_path, WITH_ASIDE)
    build_unit(course.source(UNIT))
    for path in (course.solved_notebook(UNIT), course.learner_notebook(UNIT)):
        assert "half of it" not in path.read_text()
    assert check_built(tmp_path) == []
    broken = WITH_ASIDE.replace("prediction = 3", "prediction = 1 / 0")
    course.source(UNIT).write_text(broken)
    line = broken[: broken.index("1 / 0")].count("\n") + 1
    with pytest.raises(BuildError, match=rf"{UNIT}.py:{line}: running cell 6: ZeroDivisionError"):
        build_unit(course.source(UNIT))


def test_an_aside_in_what_learners_get_is_a_leak(built):
    built.source(UNIT).write_text(WITH_ASIDE)
    (built.released / UNIT / "notes.md").write_text("Ask the class what half of it would be.")
    assert any("notes.md shows line" in found for found in leaks(UNIT, built.root))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("# %% instructor", "instructor marks ordinary markdown"),
        ("# %% [markdown] given instructor", "instructor marks ordinary markdown"),
        ("# %% [markdown] instructor=3", "instructor is 3: it is a flag and takes no value"),
    ],
)
def test_instructor_marks_ordinary_markdown_and_nothing_else(tmp_path, header, words):
    course = lay_out(tmp_path, TEXT.replace("# %% [markdown]\n", f"{header}\n# x\n", 1))
    with pytest.raises(BuildError, match=words):
        read_unit(course.source(UNIT))
