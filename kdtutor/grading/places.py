"""Where a course keeps what grading makes; nbgrader_config.py says so."""

from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.grading.records.record_rules import require_name

SECTION = "GradeInSandbox"  # of nbgrader_config.py: the plug-in that grades
RECORDS, KEY = "grading/records", "grading/course.key"
STRUCTURE = "{nbgrader_step}/{student_id}/{assignment_id}"  # nbgrader's own


def records_folder(course: Course) -> Path:
    """The folder of the records: `<records>/<unit>/<learner>.json`."""
    return course.root / course.config[SECTION].get("records_directory", RECORDS)


def key_file(course: Course) -> Path:
    """The file of the course's key."""
    return course.root / course.config[SECTION].get("key_file", KEY)


def submitted_folder(course: Course) -> Path:
    """The folder that holds what was handed in, in nbgrader's layout."""
    return course.root / course.config.CourseDirectory.submitted_directory


def submitted(course: Course, unit: str, learner: str) -> Path:
    """The folder of a learner's submission for a unit."""
    return _of_learner(course, course.config.CourseDirectory.submitted_directory, unit, learner)


def autograded(course: Course, unit: str, learner: str) -> Path:
    """The notebook that the formgrader shows and that nbgrader makes feedback from."""
    return _of_learner(course, course.config.CourseDirectory.autograded_directory, unit, learner) / f"{unit}.ipynb"


def feedback_page(course: Course, unit: str, learner: str) -> Path:
    """The page that a learner gets back."""
    return _of_learner(course, course.config.CourseDirectory.feedback_directory, unit, learner) / f"{unit}.html"


def _of_learner(course: Course, step: str, unit: str, learner: str) -> Path:
    require_name("unit", unit)
    require_name("learner", learner)
    structure = course.config.CourseDirectory.get("directory_structure", STRUCTURE)
    return course.root / structure.format(nbgrader_step=step, student_id=learner, assignment_id=unit)
