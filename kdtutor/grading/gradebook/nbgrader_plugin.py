"""Grading inside nbgrader: `nbgrader autograde` and the formgrader's button, by nbgrader_config.py alone.

    c.Autograde.pre_convert_hook = "kdtutor.grading.gradebook.nbgrader_plugin.look_for_the_unit"
    c.Autograde.exporter_class = "kdtutor.grading.gradebook.nbgrader_plugin.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [
        "kdtutor.grading.gradebook.nbgrader_plugin.GradeInSandbox",
        "kdtutor.grading.gradebook.nbgrader_plugin.EnterRecord",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]

nbgrader opens what was handed in with its exporter, before any preprocessor, and a file that is no notebook would end
there. So the exporter reads nothing of it: it hands on the released notebook, and `GradeInSandbox` reads the bytes with
`kdtutor.grading.handed_in.intake`, grades them with the Grader that `kdtutor grade` uses, and marks the notebook.
"""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Unicode

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.assignment import Assignment, load_assignment
from kdtutor.grading.gradebook import kept_grader
from kdtutor.grading.gradebook.enter import Book
from kdtutor.grading.gradebook.marked import mark
from kdtutor.grading.handed_in.intake import Submission, submissions
from kdtutor.grading.records.names import why_no_name
from kdtutor.grading.records.record import course_key, record_path, write_record

Resources = dict[str, Any]
GRADED = "kdtutor"  # in nbgrader's resources: what GradeInSandbox leaves for EnterRecord
FOLDERS = (
    "source_directory",
    "release_directory",
    "submitted_directory",
    "autograded_directory",
    "feedback_directory",
    "directory_structure",
    "db_url",
)


def look_for_the_unit(assignment: str, notebooks: list[str], **others: Any) -> None:
    """Where a learner's notebook is misnamed ("01_soft_targets (1).ipynb"), have nbgrader ask for the unit's own.

    nbgrader passes by a notebook whose name it does not know; which file then counts is for `intake` to say.
    """
    if notebooks and not any(os.path.basename(path) == f"{assignment}.ipynb" for path in notebooks):
        notebooks.append(os.path.join(os.path.dirname(notebooks[0]), f"{assignment}.ipynb"))


class SubmissionExporter(NotebookExporter):
    """Opens the released notebook in the place of one that was handed in, which may be anything."""

    def from_filename(
        self, filename: str, resources: Resources | None = None, **settings: Any
    ) -> tuple[NotebookNode, Resources]:
        folders = cast(Any, self.parent).coursedir
        names = (resources or {})["nbgrader"]
        handed_in = folders.format_path(folders.submitted_directory, names["student"], names["assignment"])
        if Path(filename).parent != Path(handed_in):
            return super().from_filename(filename, resources=resources, **settings)
        released = deepcopy(_assignment(folders, names).released)
        return super().from_notebook_node(released, resources=resources, **settings)


class GradeInSandbox(NbGraderPreprocessor):
    """Grades what was handed in, keeps the signed record and puts what it says under the checks.

    nbgrader's own SaveAutoGrades, where it follows in the place of EnterRecord, comes to the same points; only a check
    that could not be graded it takes for one that failed.
    """

    records_directory = Unicode(places.RECORDS, help="Folder of the records, from the root of the course").tag(
        config=True
    )
    key_file = Unicode(places.KEY, help="File of the key that signs them; made where there is none").tag(config=True)
    trust_submissions = Bool(False, help="Whether to grade where no sandbox works").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        names = resources["nbgrader"]
        folders = _folders(self)
        course, assignment = course_of(folders), _assignment(folders, names)
        submission = _submission(course, names)
        key = course_key(course.root / self.key_file)
        record = kept_grader.grade(assignment, key, submission, trusted=self.trust_submissions)
        write_record(record, record_path(course.root / self.records_directory, record.unit, record.learner))
        for repair in record.repairs:
            self.log.warning("%s: %s", record.learner, repair)
        marked = mark(assignment, submission, record)
        _take_back_files(course, record.unit, record.learner)
        resources[GRADED] = (record, marked)
        return marked.notebook, resources


class EnterRecord(NbGraderPreprocessor):
    """Enters the record in the gradebook by the course's one writer, late penalty included."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        record, marked = resources[GRADED]
        folders = _folders(self)
        with Book(course_of(folders), _assignment(folders, resources["nbgrader"])) as book:
            book.enter(record, marked, seen=False)
        return nb, resources


def _folders(preprocessor: Any) -> CourseDirectory:
    return preprocessor.parent.parent.coursedir  # the exporter's, the converter's


def course_of(folders: CourseDirectory) -> Course:
    """The course that nbgrader is at work in, with its folders as nbgrader sees them (the command line counts)."""
    config = deepcopy(folders.config)
    for name in FOLDERS:
        config.CourseDirectory[name] = getattr(folders, name)
    return Course(Path(folders.root), config)


def _take_back_files(course: Course, unit: str, learner: str) -> None:
    """Remove what nbgrader has copied of a learner's own files, and of what their links point to.

    From here nbgrader would serve them beside the notebook and hand them out with the feedback. They are not lost: they
    lie where they were handed in.
    """
    ours = course.solutions / unit
    notebook = places.autograded(course, unit, learner)
    for path in notebook.parent.rglob("*"):
        own = (
            path.name != "timestamp.txt"
            and path != notebook
            and not (ours / path.relative_to(notebook.parent)).exists()
        )
        if own and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def _assignment(folders: CourseDirectory, names: dict[str, str]) -> Assignment:
    if names["notebook"] != names["assignment"]:
        raise ValueError(f"{names['notebook']}.ipynb is no unit: a unit's notebook has the name of its folder")
    return load_assignment(course_of(folders), names["assignment"])


def _submission(course: Course, names: dict[str, str]) -> Submission:
    """What the learner handed in, by the rules of `kdtutor grade`."""
    learner, unit = names["student"], names["assignment"]
    if reason := why_no_name(learner):
        raise ValueError(f"the folder of the learner {learner!r} is {reason}: give it another name")
    # The whole class only where the learner's own folder is none, but a link
    for place in (places.submitted(course, unit, learner).parent, places.submitted_folder(course)):
        for submission in submissions(place, unit):
            if submission.learner == learner:
                return submission
    raise ValueError(f"what lies in the folder of {learner} is another learner's: rename the folder or the file")
