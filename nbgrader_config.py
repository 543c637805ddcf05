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
# Any database that SQLAlchemy knows: "postgresql+psycopg://user:password@host/gradebook", with its driver installed
c.CourseDirectory.db_url = f"sqlite:///{(GRADING / 'gradebook.db').as_posix()}"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py", "feedback", "*.log", "*.toml"]

# What stands where a solution stood. The ellipsis lets an untouched notebook run through
c.ClearSolutions.code_stub = {"python": "# Your code here\n..."}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.GenerateAssignment.preprocessors.prepend(["kdtutor.authoring.card.AddCard"])  # the learner's progress, at the top
c.InstantiateTests.enabled = False  # tests are written, not generated: the word AUTOTEST means nothing here

# `nbgrader validate`, a learner's own run, is nbgrader's: an endless loop costs its own cell
c.Execute.timeout = 30
c.Execute.interrupt_on_timeout = True
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR"]

# Grading: no file of a learner's is opened by nbgrader itself, no code of theirs runs outside the sandbox
c.GradeInSandbox.records_directory = "grading/records"
c.GradeInSandbox.key_file = "grading/course.key"  # signs the records: keep it with the gradebook, show it to nobody
c.Autograde.pre_convert_hook = "kdtutor.grading.gradebook.nbgrader_plugin.look_for_the_unit"
c.Autograde.exporter_class = "kdtutor.grading.gradebook.nbgrader_plugin.SubmissionExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "kdtutor.grading.gradebook.nbgrader_plugin.GradeInSandbox",
    "kdtutor.grading.gradebook.nbgrader_plugin.EnterRecord",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Feedback: the page that `kdtutor feedback` makes of the signed record, not the notebook with all that stands in it
c.GenerateFeedback.exporter_class = "kdtutor.grading.gradebook.nbgrader_feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = []
