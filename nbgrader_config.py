"""How nbgrader finds its way in this course, for `kdtutor build`, `nbgrader autograde` and the formgrader alike."""

import os
import shutil
import sysconfig
from contextlib import suppress
from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader puts it there

ROOT = Path(__file__).resolve().parent
GRADING = ROOT / "grading"  # submissions and marks: git ignores the folder
with suppress(OSError):  # a read-only copy of the course can be read, not graded
    GRADING.mkdir(exist_ok=True)

# A new gradebook asks the command `alembic` for its version; it lies beside this Python, active environment or not
if shutil.which("alembic") is None:
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])

# The text sources hold the solutions: no .py of a unit reaches a learner, nor one of a learner's the grader
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.solution_directory = "grading/solution"
c.CourseDirectory.source_with_tests_directory = "grading/source_with_tests"
c.CourseDirectory.db_url = f"sqlite:///{(GRADING / 'gradebook.db').as_posix()}"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py", "feedback", "*.log"]

# What stands where a solution stood. The ellipsis lets an untouched notebook run through
c.ClearSolutions.code_stub = {"python": "# Your code here\n..."}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.InstantiateTests.enabled = False  # tests are written, not generated: the word AUTOTEST means nothing here

# A deleted test cell counts as failed instead of waiting for a person
c.OverwriteCells.add_missing_cells = True

# An endless loop costs its own cell, not the class
c.Execute.timeout = 30
c.Execute.interrupt_on_timeout = True
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR"]

# How a submission is executed: without the experiments, and a warning costs nothing
c.Autograde.autograde_preprocessors = [
    "kdtutor.grading.stock.ExecuteChecks",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
