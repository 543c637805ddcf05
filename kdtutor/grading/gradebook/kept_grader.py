"""One Grader for a whole process, kept from learner to learner and closed when nobody has needed it for a while.

nbgrader makes everything anew for each notebook, and the formgrader lives as long as its server does.
"""

import atexit
import threading

from kdtutor.grading.assignment import Assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import best

IDLE_SECONDS = 120.0

_lock = threading.RLock()
_grader: Grader | None = None
_of: tuple[str, bytes, bool] | None = None
_timer: threading.Timer | None = None


def grade(assignment: Assignment, key: bytes, submission: Submission, *, trusted: bool = False) -> Record:
    """`Grader.grade`, by the process's Grader. trusted: grade even where no sandbox works (see `sandbox.best`)."""
    global _grader, _of
    wanted = (assignment.sha256, key, trusted)
    with _lock:
        if _of != wanted:
            close()
            _grader, _of = Grader(assignment, key, tier=best(trusted=trusted)), wanted
        assert _grader is not None
        try:
            return _grader.grade(submission)
        except BaseException:
            close()  # a warm parent that failed once is not asked again
            raise
        finally:
            _close_later()


def close() -> None:
    """End the process's Grader, if there is one."""
    global _grader, _of
    with _lock:
        if _timer is not None:
            _timer.cancel()
        if _grader is not None:
            _grader.close()
        _grader = _of = None


def is_kept() -> bool:
    """Whether there is a Grader now."""
    return _grader is not None


def _close_later() -> None:
    global _timer
    if _timer is not None:
        _timer.cancel()
    _timer = threading.Timer(IDLE_SECONDS, close)
    _timer.daemon = True
    _timer.start()


atexit.register(close)
