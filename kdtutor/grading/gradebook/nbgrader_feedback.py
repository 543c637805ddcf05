"""Feedback inside nbgrader: `nbgrader generate_feedback` and the formgrader's button, by nbgrader_config.py alone.

    c.GenerateFeedback.exporter_class = "kdtutor.grading.gradebook.nbgrader_feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = []

nbgrader's own page shows the graded notebook, with everything that stands in it. This exporter shows the signed record
instead, and comes to the same page as `kdtutor feedback`.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import default

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.gradebook.by_person import opened
from kdtutor.grading.gradebook.nbgrader_plugin import FOLDERS
from kdtutor.grading.pages.feedback_pages import page_of, words_of
from kdtutor.grading.records.class_records import believed, key_of_records
from kdtutor.grading.records.record import record_path

Resources = dict[str, Any]


class FeedbackExporter(Exporter):
    """Turns a graded notebook into the page of the record that it was made from.

    FileNotFoundError where there is no such record, RecordError where it cannot be believed: nbgrader says so and goes
    on with the next learner.
    """

    @default("file_extension")
    def _extension(self) -> str:
        return ".html"

    def from_notebook_node(  # type: ignore[override]  # what every exporter but the notebook's own returns is text
        self, nb: NotebookNode, resources: Resources | None = None, **settings: Any
    ) -> tuple[str, Resources]:
        _, resources = super().from_notebook_node(nb, resources, **settings)
        names = resources["nbgrader"]
        unit, learner = names["assignment"], names["student"]
        course = self._course()
        path = record_path(places.records_folder(course), unit, learner)
        if not path.is_file():
            raise FileNotFoundError(f"there is no record of {learner} for {unit}: grade the submission first")
        record = believed(path, unit, learner, key_of_records(places.key_file(course)))
        with opened(course.gradebook) as gradebook:
            shown = page_of(course, record, words_of(course, unit), gradebook)
        _take_back_files(places.feedback_page(course, unit, learner))
        return shown, resources

    def _course(self) -> Course:
        """The course with its folders as nbgrader sees them: what the command line says counts."""
        folders = cast(Any, self.parent).coursedir
        config = deepcopy(folders.config)
        for name in FOLDERS:
            config.CourseDirectory[name] = getattr(folders, name)
        return Course(Path(folders.root), config)


def _take_back_files(page: Path) -> None:
    """Remove what nbgrader has copied beside the page: a learner's own files, web pages with scripts among them."""
    if not page.parent.is_dir():
        return
    for path in page.parent.rglob("*"):
        if path.name != "timestamp.txt" and path != page and (path.is_file() or path.is_symlink()):
            path.unlink()
