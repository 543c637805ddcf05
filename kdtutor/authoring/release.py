"""nbgrader's own conversion from the solved notebook to the learner's, in this process."""

import logging
from copy import deepcopy
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from kdtutor.authoring.gradebook import make_gradebook

PERMISSIONS = 644  # nbgrader reads the decimal digits as octal ones


class ReleaseError(Exception):
    """nbgrader refused to make the learner's notebook; the message is nbgrader's."""


def generate_assignment(root: Path, unit: str, config: Config, gradebook: str | None) -> None:
    """Make `course/<unit>/` from `solutions/<unit>/<unit>.ipynb` under `root` and enter its cells in the gradebook.

    root: any folder with the tree of a course; it need not be the one that `config` names. gradebook: a database's URL;
    where there is none, it is made. With None nothing is entered anywhere and the notebook is the same. The unit
    must not be released under `root` yet. ReleaseError where nbgrader refuses, with its words, and for a gradebook that
    cannot be opened.
    """
    log = _Log()
    config = deepcopy(config)
    if gradebook is None:
        config.SaveCells.enabled = False
    else:
        _make(gradebook)
    folders = CourseDirectory(config=config, log=log.logger, root=str(root), db_url=gradebook or "", assignment_id=unit)
    converter = GenerateAssignment(
        coursedir=folders, config=config, log=log.logger, no_database=gradebook is None, permissions=PERMISSIONS
    )
    try:
        converter.start()
    except Exception as error:
        raise ReleaseError(log.errors() or str(error)) from error


def _make(gradebook: str) -> None:
    try:
        make_gradebook(gradebook)
    except (OSError, SQLAlchemyError) as error:
        raise ReleaseError(f"the gradebook does not open: {str(error).splitlines()[0]}") from error


class _Log(logging.Handler):
    """Keeps what nbgrader logs instead of printing it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.logger = logging.Logger("nbgrader", logging.ERROR)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def errors(self) -> str:
        """The last line of each traceback: nbgrader logs the exception whole and then raises one that says nothing."""
        tracebacks = [message for message in self.messages if message.startswith("Traceback")]
        return "; ".join(message.strip().splitlines()[-1] for message in tracebacks or self.messages[-1:])
