"""From text to two notebooks: what is in them, what a failing build says, and what it leaves alone."""

import json
import os
import re
import shutil
import sys
from hashlib import sha256

import nbformat
import pytest

from kdtutor.authoring import (
    BuildError,
    Progress,
    build_all,
    build_learner_notebooks,
    build_unit,
    check_built,
    read_unit,
)
from kdtutor.authoring.execute import CellError, execute, unwanted_outputs
from kdtutor.authoring.notebook import to_notebook
from tests.authoring.conftest import CONFIG, TEXT, UNIT, lay_out

SMALL = "# %%\nx = 1\nprint(x)\n"


def notebooks(course, unit=UNIT):
    paths = (course.solved_notebook(unit), course.learner_notebook(unit))
    return tuple(nbformat.read(path, as_version=4) for path in paths)


def failure(tmp_path, text):
    course = lay_out(tmp_path, text)
    with pytest.raises(BuildError) as caught:
        build_unit(course.source(UNIT), timeout=20)
    assert not course.solved_notebook(UNIT).exists()
    assert not course.released.exists()
    return str(caught.value)


def text_of(notebook, cell_id):
    return next(cell.source for cell in notebook.cells if cell.id == cell_id)


def test_the_solved_notebook_has_run_and_carries_what_nbgrader_needs(built_once):
    solved, _ = notebooks(built_once)
    nbformat.validate(solved)
    by_id = {cell.id: cell for cell in solved.cells}
    code = [cell for cell in solved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, 1 + len(code)))
    assert "double of 3 is 6\n" in [output.text for cell in code for output in cell.outputs if "text" in output]
    assert by_id["double"].metadata.nbgrader == {
        "grade": False, "grade_id": "double", "locked": False, "schema_version": 3, "solution": True, "task": False,
    }  # fmt: skip
    assert by_id["double"].metadata.kdtutor == {"exercise": "double", "difficulty": 2, "minutes": 5}
    check = by_id["check_double"].metadata.nbgrader
    assert (check.grade, check.solution, check.locked, check.points) == (True, False, True, 2)
    answer = by_id["why_double"].metadata.nbgrader
    assert (answer.grade, answer.solution, answer.locked, answer.points) == (True, True, False, 3)
    assert by_id["plot"].metadata.nbgrader.points == 1.5
    tools = by_id["tools"].metadata.nbgrader
    assert (tools.grade, tools.solution, tools.locked) == (False, False, True)
    assert [cell.metadata.get("tags") for cell in code if "tags" in cell.metadata] == [["hide-input", "experiment"]]
    assert solved.metadata.kdtutor == {"unit": UNIT, "source_sha256": read_unit(built_once.source(UNIT)).sha256}


def test_nothing_of_this_run_or_machine_stays_in_the_file(built_once):
    solved, _ = notebooks(built_once)
    assert set(solved.metadata) == {"kdtutor", "kernelspec", "language_info"}
    assert "version" not in solved.metadata.language_info
    assert solved.metadata.kernelspec.name == "python3"
    assert not any("execution" in cell.metadata for cell in solved.cells)
    raw = built_once.solved_notebook(UNIT).read_bytes()
    assert raw.endswith(b"\n}\n")
    assert b"\r" not in raw
    assert str(built_once.root).encode() not in raw


def test_the_learner_gets_stubs_and_no_outputs_no_hidden_tests_no_sources(built_once):
    _, learner = notebooks(built_once)
    stub = '    """Twice the number. Example: double(2) -> 4"""\n    # Your code here\n    ...'
    assert text_of(learner, "double") == f"def double(number):\n{stub}"
    assert text_of(learner, "check_double").endswith('"not attempted or wrong"')
    assert text_of(learner, "why_double") == "Why twice?\n\n*Your answer here.*"
    assert text_of(learner, "plot") == "# Your code here\n..."
    code = [cell for cell in learner.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    locked = {cell.id for cell in learner.cells if cell.metadata.get("editable") is False}
    assert {"tools", "check_double"} < locked
    assert locked.isdisjoint({"double", "why_double", "plot"})
    folder = built_once.released / UNIT
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {f"{UNIT}.ipynb", "results.json", "figures/curve.png"}
    assert all(os.access(folder / name, os.W_OK) for name in files)


def test_an_untouched_learner_notebook_runs_but_for_its_checks(built_once):
    _, learner = notebooks(built_once)
    with pytest.raises(CellError, match="not attempted or wrong") as caught:
        execute(learner, built_once.released / UNIT)
    assert learner.cells[caught.value.index].id == "check_double"
    learner.cells = [cell for cell in learner.cells if cell.id != "check_double"]
    ran = execute(learner, built_once.released / UNIT)
    assert all(cell.execution_count for cell in ran.cells if cell.cell_type == "code")
    assert list(unwanted_outputs(ran)) == []


def test_two_builds_are_the_same_byte_for_byte(built):
    paths = (built.solved_notebook(UNIT), built.learner_notebook(UNIT))
    before = [path.read_bytes() for path in paths]
    build_unit(built.source(UNIT))
    assert [path.read_bytes() for path in paths] == before


def test_a_cell_put_in_between_changes_no_other_cell_s_id(tmp_path):
    longer = TEXT.replace("# %% exercise", '# %%\nnew = "cell"\n\n# %% [markdown]\n# New.\n\n# %% exercise')
    courses = [lay_out(tmp_path / str(i), text) for i, text in enumerate((TEXT, longer))]
    before, after = ([cell.id for cell in to_notebook(read_unit(c.source(UNIT))).cells] for c in courses)
    assert [cell_id for cell_id in after if cell_id in before] == before
    assert len(after) == len(before) + 2


def test_repeated_cells_get_ids_of_their_own(tmp_path):
    notebook = to_notebook(
        read_unit(lay_out(tmp_path, "# %%\nx = 1\n\n# %%\nx = 1\n\n# %% given\nx = 1\n").source(UNIT))
    )
    first, second, third = (cell.id for cell in notebook.cells)
    assert second == f"{first}-2"
    assert third.startswith("given-")
    assert notebook.cells[2].metadata.nbgrader.grade_id == third


def test_progress_is_reported_cell_by_cell(course):
    heard = []
    build_unit(course.source(UNIT), progress=heard.append)
    steps = [Progress(UNIT, "execute", done, 6) for done in range(6)]
    assert heard == [*steps, Progress(UNIT, "release", 6, 6), Progress(UNIT, "built", 6, 6)]


def test_the_notebook_runs_in_its_folder_with_a_fixed_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    wanted = ("TQDM_DISABLE", "PYTHONHASHSEED", "NBGRADER_EXECUTION", "PYTHONWARNINGS", "NBGRADER_VALIDATING")
    text = (
        f"# %%\nimport json, os, sys\nfrom pathlib import Path\nfrom hashlib import sha256\n"
        f"print(json.dumps([os.environ.get(k) for k in {wanted}]))\n"
        "print(Path('results.json').exists(), sha256(sys.executable.encode()).hexdigest())\n"
    )
    course = lay_out(tmp_path, text)
    build_unit(course.source(UNIT))
    lines = notebooks(course)[0].cells[0].outputs[0].text.splitlines()
    assert json.loads(lines[0]) == ["1", "0", "build", None, None]
    assert lines[1] == f"True {sha256(sys.executable.encode()).hexdigest()}"


ORDINARY = "# %%\nprediction"


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("number + number", "number / 0", "    twice_as_much", "running check double: ZeroDivisionError: .*number / 0"),
        ("prediction = 3\n", "prediction = 3\nun\n", "un\n", r"running cell 6: NameError: .* not defined \(in: un\)"),
        ("prediction = 3\n", "prediction = 3\nimport warnings\nwarnings.warn('soon')\n", ORDINARY, "UserWarning: soon"),
        ("prediction = 3\n", "prediction = 3\nimport sys\nprint('x', file=sys.stderr)\n", ORDINARY, "on stderr: x"),
        (
            "prediction = 3\n",
            "prediction = 3\nimport os\nos._exit(1)\n",
            ORDINARY,
            "the kernel died while this cell ran",
        ),
        ("prediction = 3\n", "prediction = 3\nopen('left', 'w').close()\n", "", "writes left in the unit's folder"),
        ("prediction = 3\n", "prediction = 3\nopen('results.json', 'w').close()\n", "", "writes results.json"),
    ],
    ids=["error in a function", "error in a cell", "warning", "stderr", "kernel dies", "new file", "changed file"],
)
def test_a_run_that_goes_wrong_fails_the_build_with_cell_line_and_text(tmp_path, old, new, at, words):
    text = TEXT.replace(old, new)
    assert text != TEXT
    line = text[: text.index(at)].count("\n") + 1
    message = failure(tmp_path, text)
    assert re.search(rf"^solutions/{UNIT}/{UNIT}\.py:{line}: .*{words}", message), message


def test_an_error_shows_even_where_the_cell_is_tagged_to_raise(tmp_path):
    assert "ZeroDivisionError" in failure(tmp_path, '# %% tags=["raises-exception"]\n1 / 0\n')


def test_an_endless_cell_ends_the_build(tmp_path):
    course = lay_out(tmp_path, "# %%\nx = 1\n\n# %%\nwhile True:\n    pass\n")
    with pytest.raises(BuildError, match=r"07_demo.py:4: running cell 2: the cell ran longer than 2 s"):
        build_unit(course.source(UNIT), timeout=2)


def test_a_failing_build_leaves_the_last_good_one(built):
    files = [built.solved_notebook(UNIT), built.learner_notebook(UNIT)]
    before = [path.read_bytes() for path in files]
    built.source(UNIT).write_text(TEXT.replace("prediction = 3", "prediction = 1 / 0"))
    with pytest.raises(BuildError):
        build_unit(built.source(UNIT))
    assert [path.read_bytes() for path in files] == before


def test_a_build_takes_the_place_of_the_last_one_whole(built):
    (built.source(UNIT).parent / "figures" / "curve.png").unlink()
    built.source(UNIT).write_text(SMALL)
    build_unit(built.source(UNIT))
    assert sorted(path.name for path in (built.released / UNIT).iterdir()) == [f"{UNIT}.ipynb", "results.json"]
    assert sorted(path.name for path in built.released.iterdir()) == [UNIT]


def test_all_units_are_read_before_the_first_runs(tmp_path):
    course = lay_out(tmp_path, SMALL, "01_first")
    (course.solutions / "02_second").mkdir()
    course.source("02_second").write_text("# %% givn\nx = 1\n")
    heard = []
    with pytest.raises(BuildError, match=r"02_second.py:1: unknown key givn"):
        build_all(tmp_path, progress=heard.append)
    assert heard == []


def test_units_without_problems_are_built_though_another_fails(tmp_path):
    course = lay_out(tmp_path, "# %%\n1 / 0\n", "01_first")
    (course.solutions / "02_second").mkdir()
    course.source("02_second").write_text(SMALL)
    with pytest.raises(BuildError, match=r"01_first.py:2: running cell 1: ZeroDivisionError"):
        build_all(tmp_path)
    assert course.learner_notebook("02_second").is_file()
    course.source("01_first").write_text(SMALL)
    assert [built.unit for built in build_all(tmp_path)] == ["01_first", "02_second"]
    assert check_built(tmp_path) == []


def test_learner_folders_can_be_made_without_running_anything(built, monkeypatch):
    made = built.learner_notebook(UNIT).read_bytes()
    solved = built.solved_notebook(UNIT).read_bytes()
    gradebook = (built.root / "grading" / "gradebook.db").read_bytes()
    shutil.rmtree(built.released)
    monkeypatch.setattr("kdtutor.authoring.build.execute", None)
    assert build_learner_notebooks(built.root) == [built.learner_notebook(UNIT)]
    assert built.learner_notebook(UNIT).read_bytes() == made
    assert built.solved_notebook(UNIT).read_bytes() == solved
    assert (built.root / "grading" / "gradebook.db").read_bytes() == gradebook
    assert check_built(built.root) == []


def test_an_unknown_unit_is_refused_with_the_ones_there_are(course):
    with pytest.raises(ValueError, match=rf"no unit 09_nine in solutions/: the units there are {UNIT}"):
        build_all(course.root, ["09_nine"])


def test_a_copy_of_the_configuration_is_the_only_thing_a_course_needs(tmp_path):
    (tmp_path / "solutions" / UNIT).mkdir(parents=True)
    (tmp_path / "solutions" / UNIT / f"{UNIT}.py").write_text(SMALL)
    shutil.copyfile(CONFIG, tmp_path / CONFIG.name)
    built = build_all(tmp_path)
    assert built[0].learner_notebook.is_file()
    assert (tmp_path / "grading" / "gradebook.db").is_file()


def test_a_progress_bar_leaves_nothing_in_the_notebook(tmp_path):
    bar = "from tqdm.notebook import tqdm\nfor _ in tqdm(range(2), 'slow'):\n    pass\nprint('done')"
    ran = execute(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(bar)]), tmp_path)
    assert [output.get("text") for output in ran.cells[0].outputs] == ["done\n"]
