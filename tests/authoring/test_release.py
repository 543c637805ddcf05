"""nbgrader with the project's configuration: where it reads and writes, what it grades, what it refuses."""

import logging
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory

from kdtutor.authoring import BuildError, ReleaseError, build_unit, check_built, generate_assignment
from tests.authoring.conftest import TEXT, UNIT, blank_gradebook, lay_out

# nbgrader 0.9.6 with SQLAlchemy 2.1: objects made before they are added to a session, while a submission is graded
pytestmark = pytest.mark.filterwarnings("ignore:Object of type <Submitted.*> not in session:sqlalchemy.exc.SAWarning")

RIGHT = "def double(number):\n    return 2 * number\n"


def submit(course, learner, sources):
    """Hand in the learner's notebook with these cells changed (None: deleted)."""
    notebook = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source) or ""
    notebook.cells = [cell for cell in notebook.cells if sources.get(cell.id, "kept") is not None]
    folder = course.root / "grading" / "submitted" / learner / UNIT
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{UNIT}.ipynb")
    (folder / "math.py").write_text("raise ImportError('a file of the learner')\n")


def scores(course):
    with Gradebook(course.gradebook) as gradebook:
        return {
            submission.student.id: {grade.name: grade.auto_score for nb in submission.notebooks for grade in nb.grades}
            for submission in gradebook.assignment_submissions(UNIT)
        }


def autograde(course, **settings):
    config = course.config
    for name, value in settings.items():
        config.Execute[name] = value
    quiet = logging.Logger("nbgrader", logging.CRITICAL)
    folders = CourseDirectory(config=config, assignment_id=UNIT, log=quiet)
    Autograde(coursedir=folders, config=config, log=quiet).start()


def test_the_configuration_keeps_everything_of_a_class_under_grading(course):
    directory = course.config.CourseDirectory
    assert directory.root == str(course.root)
    assert (course.solutions, course.released) == (course.root / "solutions", course.root / "course")
    for step in ("submitted", "autograded", "feedback", "solution", "source_with_tests"):
        assert directory[f"{step}_directory"] == f"grading/{step}"
    assert Path(course.gradebook.removeprefix("sqlite:///")) == course.root / "grading" / "gradebook.db"
    assert (course.root / "grading").is_dir()


@pytest.mark.filterwarnings("ignore:Cell is missing an id field")  # nbgrader puts a deleted test cell back without one
def test_a_class_is_graded_as_the_points_say(built):
    submit(built, "untouched", {})
    submit(built, "fails hidden", {"double": "def double(number):\n    return 4"})
    submit(built, "deleted the test", {"double": RIGHT, "check_double": None})
    submit(built, "weakened the test", {"double": "double = abs", "check_double": "assert True"})
    submit(built, "endless", {"double": "def double(number):\n    while True:\n        pass"})
    answers = {"double": RIGHT, "why_double": "Because.", "plot": "1 / 0"}
    submit(built, "right, with a slow experiment", answers | slow_experiment(built))
    autograde(built, timeout=2)
    found = scores(built)
    assert {learner: by_cell["check_double"] for learner, by_cell in found.items()} == {
        "untouched": 0,
        "fails hidden": 0,
        "deleted the test": 2,
        "weakened the test": 0,
        "endless": 0,
        "right, with a slow experiment": 2,
    }
    assert (found["untouched"]["why_double"], found["untouched"]["plot"]) == (0, 0), "nothing written, nothing to read"
    right = found["right, with a slow experiment"]
    assert (right["why_double"], right["plot"]) == (None, None), "a person reads these"


def slow_experiment(course):
    learner = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    experiment = next(cell.id for cell in learner.cells if "experiment" in cell.metadata.get("tags", []))
    return {experiment: "while True:\n    pass"}


def test_the_time_for_a_cell_is_half_a_minute_and_then_it_is_interrupted(course):
    execute = course.config.Execute
    assert (execute.timeout, execute.interrupt_on_timeout) == (30, True)


def test_nbgrader_s_own_command_makes_the_same_files(built):
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", UNIT, "--force"]
    subprocess.run(command, cwd=built.root, check=True, capture_output=True)
    assert check_built(built.root) == []


def test_a_gradebook_with_submissions_refuses_other_cells_and_the_files_stay(built):
    submit(built, "right", {"double": RIGHT})
    autograde(built)
    before = built.learner_notebook(UNIT).read_bytes()
    changed = TEXT.replace('answer="plot"', 'answer="picture"')
    built.source(UNIT).write_text(changed)
    with pytest.raises(BuildError, match=r"nbgrader refused the unit: .*there are submissions associated with it"):
        build_unit(built.source(UNIT))
    assert built.learner_notebook(UNIT).read_bytes() == before
    another = built.root / "grading" / "another.db"
    another.write_bytes(blank_gradebook())
    build_unit(built.source(UNIT), gradebook=f"sqlite:///{another}")
    with Gradebook(f"sqlite:///{another}") as gradebook:
        assert {cell.name for cell in gradebook.find_assignment(UNIT).notebooks[0].grade_cells} >= {"picture"}


def test_a_gradebook_that_cannot_be_written_is_named(course):
    with pytest.raises(BuildError, match=r"the gradebook does not open: .*unable to open database file"):
        build_unit(course.source(UNIT), gradebook=f"sqlite:///{course.root}")


def test_a_release_without_a_gradebook_is_the_same_and_enters_nothing(built, tmp_path_factory):
    other = lay_out(tmp_path_factory.mktemp("other"))
    (other.root / "grading" / "gradebook.db").unlink()
    other.solved_notebook(UNIT).write_bytes(built.solved_notebook(UNIT).read_bytes())
    generate_assignment(other.root, UNIT, built.config, gradebook=None)
    assert other.learner_notebook(UNIT).read_bytes() == built.learner_notebook(UNIT).read_bytes()
    assert not list(other.root.rglob("*.db"))


def test_a_notebook_that_nbgrader_cannot_take_is_refused_in_its_words(built, tmp_path_factory):
    other = lay_out(tmp_path_factory.mktemp("other"))
    notebook = nbformat.read(built.solved_notebook(UNIT), as_version=4)
    next(cell for cell in notebook.cells if cell.id == "tools").metadata.nbgrader.grade_id = "double"
    nbformat.write(notebook, other.solved_notebook(UNIT))
    with pytest.raises(ReleaseError, match="Notebook failed to validate; the nbgrader metadata may be corrupted"):
        generate_assignment(other.root, UNIT, built.config, gradebook=None)
