"""Grading on this machine: a few processes, each with its own grader, replaced when they die."""

import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import forkserver
from types import TracebackType
from typing import Any, Self

from kdtutor.grading.classroom import worker
from kdtutor.grading.classroom.breakdown import Breakdown
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import Warm
from kdtutor.grading.sandbox.warm import Line

TRIES_TO_START = 3  # in a row, for each process
START_SECONDS = 300.0  # a first import of torch from a cold disk takes long
DIED = "the process that graded it ended (killed, or out of memory)"


class Workers:
    """`jobs` processes that grade one submission at a time each. Leaving the `with` block ends all of them.

    preload: modules that the processes find imported, in memory that they share. patience: seconds of wall time after
    which a submission is given up.
    """

    def __init__(
        self,
        jobs: int,
        *,
        preload: Sequence[str] = worker.PRELOADED,
        patience: float = worker.PATIENCE,
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}: at least one process is needed")
        self.jobs, self.patience = jobs, patience
        # Each executor has one process, so that its death tells which submission it was and costs no other
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            self._context.set_forkserver_preload(list(preload))
        self._all: list[_Worker] = []
        self._starter = ThreadPoolExecutor(1)
        self._warm: Future[Warm] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for each in self._all:
                each.cut_off()
        for each in self._all:
            each.end()
        for each in self._all:
            each.join()
        if self._warm is not None:
            with suppress(RuntimeError, OSError):  # it did not start
                self._warm.result().close()
        self._starter.shutdown()

    def warm_up(self, start: Callable[[], Warm]) -> None:
        """Begin to start a warm parent; each process's grader is given a twin of it. Returns at once."""
        self._warm = self._starter.submit(start)

    def get_ready(self) -> None:
        """Begin to import what the processes share, in a process of its own. Returns at once."""
        if self._context.get_start_method() == "forkserver":
            forkserver.ensure_running()

    def outcomes(
        self, start: worker.Start, submissions: Iterable[Submission]
    ) -> Iterator[tuple[Submission, Record | Breakdown]]:
        """Each submission with its record, in the order in which they are ready.

        start: makes a process's grader; it is pickled. A submission over which its process died is tried once more,
        when all others have had their turn; then its breakdown is the outcome. RuntimeError where no process gets as
        far as having a grader.
        """
        waiting = deque(submissions)
        at_work = [self._hire(start) for _ in range(min(self.jobs, len(waiting)))]
        tried: set[str] = set()
        failed_starts = 0
        while at_work:
            for each in self._done(at_work):
                submission, outcome = each.submission, each.outcome()
                if submission is None:
                    failed_starts = failed_starts + 1 if isinstance(outcome, Breakdown) else 0
                elif isinstance(outcome, Breakdown) and not outcome.lasting and submission.learner not in tried:
                    tried.add(submission.learner)
                    waiting.append(submission)
                elif outcome is not None:
                    yield submission, outcome
                if isinstance(outcome, Breakdown):
                    each.cut_off()
                    at_work.remove(each)
                    if failed_starts >= TRIES_TO_START * self.jobs:
                        raise RuntimeError(f"the grader does not start: {outcome.reason}")
                    if waiting:
                        at_work.append(self._hire(start))
                elif waiting:
                    each.give(waiting.popleft(), self.patience)
                else:
                    each.end()
                    at_work.remove(each)

    def _hire(self, start: worker.Start) -> "_Worker":
        hired = _Worker(self._context, start, self._line())
        self._all.append(hired)
        return hired

    def _line(self) -> Line | None:
        """To a twin; none where there is no warm parent, and then each grader starts its own and says what is wrong."""
        if self._warm is None:
            return None
        try:
            return self._warm.result().twin()
        except (RuntimeError, OSError):
            return None

    def _done(self, at_work: "Sequence[_Worker]") -> "list[_Worker]":
        """Those whose task is done; to be out of time is a way of being done."""
        left = min(each.deadline for each in at_work) - time.monotonic()
        wait([each.task for each in at_work], timeout=max(0.0, left), return_when=FIRST_COMPLETED)
        for each in at_work:
            if not each.done and time.monotonic() > each.deadline:
                each.give_up()
        return [each for each in at_work if each.done]


class _Worker:
    """One process. task: what it does now, at first starting its grader; deadline: of that."""

    def __init__(self, context: Any, start: worker.Start, line: Line | None) -> None:
        far, self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=worker.attach, initargs=(far, line))
        self._ending: threading.Thread | None = None
        self._given_up: Breakdown | None = None
        self._patience = 0.0
        self.submission: Submission | None = None
        self.deadline = time.monotonic() + START_SECONDS
        self.task: Future[Any] = self._executor.submit(worker.begin, start)
        far.close()
        if line is not None:
            line.control.close()

    def give(self, submission: Submission, patience: float) -> None:
        self.submission, self.deadline, self._patience = submission, time.monotonic() + patience, patience
        try:
            self.task = self._executor.submit(worker.grade, submission)
        except BrokenProcessPool as death:  # between two tasks
            self.task = Future()
            self.task.set_exception(death)

    def outcome(self) -> Record | Breakdown | None:
        """What became of the task; None for a grader that has started."""
        if self._given_up is not None:
            return self._given_up
        try:
            error = self.task.exception()
        except CancelledError:
            return Breakdown(DIED)
        if error is None:
            return self.task.result()
        return Breakdown(DIED if isinstance(error, BrokenProcessPool) else worker.in_words(error))

    def give_up(self) -> None:
        self._given_up = worker.no_result_after(self._patience) if self.submission else Breakdown("it does not begin")

    @property
    def done(self) -> bool:
        return self._given_up is not None or self.task.done()

    def end(self) -> None:
        """Begin to let it end by itself, once what it does is done."""
        if self._ending is None:
            self._ending = threading.Thread(target=self._executor.shutdown)
            self._ending.start()

    def cut_off(self) -> None:
        """Make it end now, whatever it does."""
        self._lifeline.close()
        self.end()

    def join(self) -> None:
        """Wait until it has ended."""
        self.end()
        assert self._ending is not None
        self._ending.join()
        self._lifeline.close()
