"""Inside a worker of a Dask cluster: one grader for the whole process, whichever thread a submission comes to."""

import pickle
import threading
from contextlib import suppress

from kdtutor.grading.classroom.breakdown import Breakdown
from kdtutor.grading.classroom.worker import PATIENCE, Grades, Start, in_words, no_result_after
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import best
from kdtutor.grading.versions import versions

_one_at_a_time = threading.Lock()  # a grader changes the environment and the output of its process
_graders: dict[bytes, Grades] = {}  # at most one, by the recipe that it was made from


def recipe(start: Start) -> bytes:
    """How to make a grader: the same bytes for every submission of a class."""
    return pickle.dumps(start)


def equipment(trust: bool) -> tuple[str, dict[str, str]]:
    """The sandbox of this worker's machine, and the versions of what grades there."""
    return best(trusted=trust).name, dict(versions())


def prepare(made_by: bytes) -> None:
    """Have the grader ready. What keeps it from starting is raised."""
    with _one_at_a_time:
        _grader(made_by)


def grade(made_by: bytes, submission: Submission, patience: float = PATIENCE) -> Record | Breakdown:
    """The record; a breakdown where the grader, not the submission, gave up."""
    ran_out = threading.Event()

    def give_up() -> None:
        ran_out.set()
        close()

    clock = threading.Timer(patience, give_up)
    clock.daemon = True
    with _one_at_a_time:
        outcome: Record | Breakdown
        try:
            grader = _grader(made_by)
            clock.start()
            outcome = grader.grade(submission)
        except Exception as error:
            close()
            outcome = Breakdown(in_words(error))
        clock.cancel()
        return no_result_after(patience) if ran_out.is_set() else outcome


def close() -> None:
    """Close the grader, also under a submission: it ends without a verdict."""
    while _graders:
        with suppress(Exception):
            _graders.popitem()[1].close()


def _grader(made_by: bytes) -> Grades:
    if made_by not in _graders:
        close()
        start: Start = pickle.loads(made_by)
        _graders[made_by] = start()
    return _graders[made_by]
