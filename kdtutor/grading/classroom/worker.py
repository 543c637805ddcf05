"""Inside a worker process: one grader, used again and again, which ends with whoever started the worker."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import util
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

from kdtutor.grading.classroom.breakdown import Breakdown
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import Warm, best
from kdtutor.grading.sandbox.warm import Line

if TYPE_CHECKING:
    from kdtutor.grading.assignment import Assignment

PATIENCE = 900.0  # seconds of wall time for one submission
CLOSING_SECONDS = 10
PRELOADED = ("kdtutor.grading.classroom.grader_imports",)


class Grades(Protocol):
    """What grades: a `Grader`, or what a test puts in its place."""

    def grade(self, submission: Submission) -> Record: ...
    def close(self) -> None: ...


Start = Callable[[], Grades]

_grader: Grades | None = None
_line: Line | None = None  # to a warm parent that waits for this process's grader


def start_grader(assignment: "Assignment", key: bytes, *, trust: bool = False) -> Grades:
    """A `Grader` in this machine's best sandbox. It imports torch, which who asks for it need not."""
    from kdtutor.grading.grade import Grader

    return Grader(assignment, key, tier=_line.tier if _line else best(trusted=trust), line=_line)


def start_warm_parent(assignment: "Assignment", *, trust: bool = False) -> Warm:
    """The warm parent of which all graders of this machine may have twins. RuntimeError when it does not start."""
    from kdtutor.grading.learners_process import warm_parent

    return warm_parent(assignment, best(trusted=trust))


def attach(lifeline: Connection, line: Line | None) -> None:
    """Live as long as the other end of the lifeline: it is closed by hand, or by the death of who holds it."""
    global _line
    _line = line
    # An interrupt at the terminal reaches every process of the group: only the one in charge acts on it. No SIG_IGN,
    # which the learners' processes would inherit
    signal.signal(signal.SIGINT, lambda number, frame: None)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def begin(start: Start) -> None:
    """Start the grader; it is closed when this process ends in an orderly way."""
    global _grader
    _grader = start()
    util.Finalize(None, _grader.close, exitpriority=100)


def grade(submission: Submission) -> Record | Breakdown:
    """The record; a breakdown where the grader, not the submission, gave up."""
    assert _grader is not None
    try:
        return _grader.grade(submission)
    except Exception as error:
        return Breakdown(in_words(error))


def no_result_after(patience: float) -> Breakdown:
    """The breakdown over a submission that waits and waits, and so uses up no CPU time."""
    return Breakdown(f"it had no result after {patience / 60:g} minutes", lasting=True)


def in_words(error: BaseException) -> str:
    """What went wrong, as it continues a sentence."""
    first = (str(error).splitlines() or [""])[0].rstrip(". ")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    deadline = threading.Timer(CLOSING_SECONDS, os._exit, (1,))
    deadline.daemon = True
    deadline.start()
    with suppress(Exception):
        if _grader is not None:
            _grader.close()
    os._exit(1)
