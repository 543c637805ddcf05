"""Grading on many machines: the same calls through a dask.distributed scheduler.

The course's key travels to the workers, which sign with it; the gradebook and the instructor's files stay where they
are. Use a private network, or TLS as Dask's own configuration (`distributed.comm`) sets it up.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kdtutor.grading.classroom import cluster_worker
from kdtutor.grading.classroom.breakdown import Breakdown
from kdtutor.grading.classroom.worker import Start, in_words
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import Warm
from kdtutor.grading.versions import versions

CONNECT_SECONDS = 30
FIRST_WORKER_SECONDS = 60
CLASS = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)")
HOW_TO_NAME_ONE = (
    "the address of a Dask scheduler (tcp://10.0.0.1:8786), the file that one has written (scheduler.json), or the "
    "class of a cluster (dask_jobqueue:SLURMCluster)"
)
DIED = "the workers that graded it ended (killed, or out of memory)"


class Cluster:
    """The workers of a Dask scheduler, one grader each. Leaving the `with` block closes their graders.

    scheduler: its address, the file it has written, or `module:class`
    of a cluster, which is then made as Dask's configuration says, scaled to `jobs` workers and closed at the end; None:
    the one in Dask's configuration. trust: workers without a sandbox may grade.

    RuntimeError where dask.distributed is not installed, no worker is there, or one has other versions than this
    process; OSError where no scheduler answers.
    """

    def __init__(self, scheduler: str | None, jobs: int, *, trust: bool = False) -> None:
        try:
            import distributed
        except ImportError:
            raise RuntimeError("--engine dask needs dask.distributed: pip install distributed") from None
        with ExitStack() as undo:
            place, seconds = _place(scheduler, jobs, undo)
            self.client: Any = undo.enter_context(distributed.Client(timeout=CONNECT_SECONDS, **place))
            try:
                self.client.wait_for_workers(1, timeout=seconds)
            except TimeoutError:
                raise RuntimeError(f"the scheduler {scheduler or ''} has no workers: start some") from None
            self.tiers = frozenset(self._equipment(trust))
            self._at_work: dict[Any, Submission] = {}
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._at_work:
            task.cancel()
        with self._undo, suppress(Exception):
            self.client.run(cluster_worker.close)

    def get_ready(self) -> None:
        """Nothing: the workers run already."""

    def warm_up(self, start: Callable[[], Warm]) -> None:
        """Nothing: each worker has a warm parent of its own."""

    def outcomes(
        self, start: Start, submissions: Iterable[Submission]
    ) -> Iterator[tuple[Submission, Record | Breakdown]]:
        """Each submission with its record, in the order in which they are ready.

        start: makes a worker's grader; it is pickled. A submission whose worker dies goes to another, as often as the
        scheduler's `allowed-failures` says, and all of that once more before its breakdown is the outcome. What keeps
        a worker's grader from starting is raised.
        """
        recipe = cluster_worker.recipe(start)
        self.client.run(cluster_worker.prepare, recipe)
        for submission in submissions:
            self._give(recipe, submission)
        tried: set[str] = set()
        while self._at_work:
            for done in self._done():
                submission, outcome = self._at_work.pop(done), _outcome(done)
                if isinstance(outcome, Breakdown) and not outcome.lasting and submission.learner not in tried:
                    tried.add(submission.learner)
                    self._give(recipe, submission)
                    continue
                if isinstance(outcome, Record):
                    _require_same_versions("a worker", outcome.versions)
                yield submission, outcome

    def _give(self, recipe: bytes, submission: Submission) -> None:
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):  # a notebook may be large
            task = self.client.submit(cluster_worker.grade, recipe, submission, pure=False)
        self._at_work[task] = submission

    def _done(self) -> list[Any]:
        """Tasks that have ended, waited for until there is one."""
        # Not through Dask's executor: a task whose worker dies as its result is fetched never ends there (2026.8)
        from distributed import wait
        from distributed.client import CancelledError

        with suppress(CancelledError):  # the result of one was lost with a worker
            wait(list(self._at_work), return_when="FIRST_COMPLETED")
        return [task for task in self._at_work if task.done()]

    def _equipment(self, trust: bool) -> Iterator[str]:
        """The workers' sandboxes. NoSandboxError where one has none and the submissions are not trusted."""
        found: Mapping[str, tuple[str, dict[str, str]]] = self.client.run(cluster_worker.equipment, trust)
        for address, (tier, there) in found.items():
            _require_same_versions(f"the worker {address}", there)
            yield tier


def _place(scheduler: str | None, jobs: int, undo: ExitStack) -> tuple[dict[str, Any], float | None]:
    """Where a client finds its scheduler, and how many seconds to wait for a worker: in a queue, however long."""
    import dask

    scheduler = scheduler or dask.config.get("scheduler-address", None)
    if not scheduler:
        raise ValueError(f"--engine dask needs --scheduler: {HOW_TO_NAME_ONE}")
    if found := CLASS.fullmatch(scheduler):
        try:
            make = getattr(importlib.import_module(found["module"]), found["name"])
        except (ImportError, AttributeError) as error:
            raise ValueError(f"there is no cluster {scheduler} here: {error}") from None
        cluster = undo.enter_context(make())
        cluster.scale(jobs)
        return {"address": cluster}, None
    if Path(scheduler).is_file():
        return {"scheduler_file": scheduler}, FIRST_WORKER_SECONDS
    if re.search(r":\d+$", scheduler) is None and "://" not in scheduler:
        raise ValueError(f"--scheduler is {scheduler!r}: it has to be {HOW_TO_NAME_ONE}")
    return {"address": scheduler}, FIRST_WORKER_SECONDS


def _outcome(done: Any) -> Record | Breakdown:
    from distributed import KilledWorker
    from distributed.client import CancelledError

    try:
        return done.result()
    except (KilledWorker, CancelledError):  # or its data were lost with a worker
        return Breakdown(DIED)
    except Exception as error:
        return Breakdown(in_words(error))


def _require_same_versions(who: str, there: Mapping[str, str]) -> None:
    here = versions()
    if others := [name for name in here if there.get(name) != here[name]]:
        words = ", ".join(f"{name} {there.get(name, 'none')} and not {here[name]}" for name in others)
        raise RuntimeError(f"{who} has {words}: records would differ; install the same on every machine")
