"""Grading a whole class: what is unchanged is kept, the rest is shared out, and each record is written as it comes."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self

from kdtutor.authoring.layout import Course
from kdtutor.grading.classroom.breakdown import Breakdown, record_of_breakdown
from kdtutor.grading.classroom.one_at_a_time import one_at_a_time
from kdtutor.grading.classroom.quick_imports import quick_imports
from kdtutor.grading.classroom.remembered import remember, remembered
from kdtutor.grading.classroom.unchanged import Grounds
from kdtutor.grading.classroom.worker import Start, start_grader, start_warm_parent
from kdtutor.grading.classroom.workers import Workers
from kdtutor.grading.handed_in.intake import Submission, submissions
from kdtutor.grading.places import key_file, records_folder, submitted_folder
from kdtutor.grading.records.course_key import course_key
from kdtutor.grading.records.record import Record, record_path, write_record
from kdtutor.grading.sandbox import Warm, best
from kdtutor.grading.versions import versions

if TYPE_CHECKING:
    from kdtutor.grading.assignment import Assignment


@dataclass(frozen=True)
class Progress:
    """One more record is there: `done` of `total`. kept: it stood already, and nothing was graded."""

    record: Record
    kept: bool
    done: int
    total: int


class _Engine(Protocol):
    def get_ready(self) -> None: ...

    def warm_up(self, start: Callable[[], Warm]) -> None: ...

    def outcomes(
        self, start: Start, submissions: Iterable[Submission]
    ) -> Iterator[tuple[Submission, Record | Breakdown]]: ...


def grade_class(
    course: Course,
    unit: str,
    *,
    submitted: Path | None = None,
    records_dir: Path | None = None,
    jobs: int | None = None,
    engine: Literal["local", "dask"] = "local",
    scheduler: str | None = None,
    only: Collection[str] = (),
    regrade: bool = False,
    trust: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Record]:
    """Grade what a class handed in for a unit. The records, by learner, also lie in `records_dir` when this returns.

    submitted: a folder, a zip archive or a notebook, by default the course's folder. records_dir: by default the
    course's. jobs: processes on this machine, by default one a core; workers, of a cluster that is made for the class.
    engine, scheduler: "dask" grades on the workers of a scheduler, see `Cluster`. only: learners; by default all.
    regrade: also what is unchanged. trust: where there is no sandbox, grade without. report: told of each record.
    meanwhile: called once if anything is graded, while this process would wait for others.

    A record is kept where this course's key signed it, and submission, assignment, versions and sandbox are the same.
    However a run ends, each record that was reported is in place and whole, and the next run goes on from there. A
    submission over which the grader breaks down twice gets a record that says so, for a person to look at.

    FileNotFoundError and ValueError for a unit, a place or a learner that is not there. RuntimeError where another run
    is at work on the unit, the grader does not start or there is no sandbox (NoSandboxError). OSError where records
    could not be written; all the others are.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs is {jobs}: at least one is needed")
    if engine not in ("local", "dask"):
        raise ValueError(f"engine is {engine!r}: it has to be local or dask")
    handed_in = _chosen(submissions(submitted or submitted_folder(course), unit), unit, only)
    key = course_key(key_file(course))
    folder = records_dir or records_folder(course)
    assignment = None
    sha256 = remembered(course, unit, folder / unit, key)
    with ExitStack() as undo:
        undo.enter_context(one_at_a_time(folder / unit))
        at_hand, tiers = _engine(undo, engine, scheduler, jobs or _cores(), trust)
        if sha256 is None:
            at_hand.get_ready()
            assignment = _read(course, unit)
            sha256 = assignment.sha256
            remember(course, unit, folder / unit, key, sha256)
        grounds = Grounds(unit, sha256, versions(), tiers, key)
        standing = {} if regrade else {each.learner: grounds.standing(each, folder) for each in handed_in}
        shelf = undo.enter_context(_Shelf(folder, len(handed_in), report))
        for record in standing.values():
            if record is not None:
                shelf.keep(record)
        if changed := [each for each in handed_in if standing.get(each.learner) is None]:
            at_hand.get_ready()
            assignment = assignment or _read(course, unit)
            at_hand.warm_up(partial(start_warm_parent, assignment, trust=trust))
            meanwhile()
            for submission, outcome in at_hand.outcomes(partial(start_grader, assignment, key, trust=trust), changed):
                if isinstance(outcome, Breakdown):
                    outcome = record_of_breakdown(outcome, submission, assignment, grounds)
                shelf.put(outcome)
    return sorted(shelf.records, key=lambda record: record.learner)


def _read(course: Course, unit: str) -> "Assignment":
    with quick_imports():
        from kdtutor.grading.assignment import load_assignment  # a second, where nothing has changed for nothing

    return load_assignment(course, unit)


def _engine(
    undo: ExitStack, engine: str, scheduler: str | None, jobs: int, trust: bool
) -> tuple[_Engine, frozenset[str]]:
    """What grades, and in which sandboxes."""
    if engine == "dask":
        from kdtutor.grading.classroom.cluster import Cluster

        cluster = undo.enter_context(Cluster(scheduler, jobs, trust=trust))
        return cluster, cluster.tiers
    if scheduler is not None:
        raise ValueError("a scheduler is for the engine dask")
    return undo.enter_context(Workers(jobs)), frozenset([best(trusted=trust).name])


class _Shelf:
    """Where records are put. One that the disk does not take is tried again until the `with` block ends."""

    def __init__(self, folder: Path, total: int, report: Callable[[Progress], None]) -> None:
        self.records: list[Record] = []
        self._folder, self._total, self._report = folder, total, report
        self._waiting: list[Record] = []
        self._problem: OSError | None = None

    def keep(self, record: Record) -> None:
        self._told(record, kept=True)

    def put(self, record: Record) -> None:
        self._waiting.append(record)
        self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
        if self._waiting and kind is None:
            raise OSError(
                f"{len(self._waiting)} of {self._total} records could not be written ({self._problem}). "
                "The others are in place: put this right and grade again."
            )

    def _write(self) -> None:
        for record in list(self._waiting):
            try:
                write_record(record, record_path(self._folder, record.unit, record.learner))
            except OSError as problem:
                self._problem = problem
                continue
            self._waiting.remove(record)
            self._told(record, kept=False)

    def _told(self, record: Record, *, kept: bool) -> None:
        self.records.append(record)
        self._report(Progress(record, kept, len(self.records), self._total))


def _chosen(handed_in: Sequence[Submission], unit: str, only: Collection[str]) -> list[Submission]:
    learners = [each.learner for each in handed_in]
    if not learners:
        raise ValueError(f"nobody has handed in {unit} there")
    if absent := sorted(set(only) - set(learners)):
        some = ", ".join(learners[:10]) + (", …" if len(learners) > 10 else "")
        raise ValueError(f"there is no submission of {', '.join(absent)} for {unit}, only of {some}")
    return [each for each in handed_in if not only or each.learner in only]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
