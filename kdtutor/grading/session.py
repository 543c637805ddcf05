"""A learner's notebook at work in the sandbox: its cells up to now, whatever some of them did to the process."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from kdtutor.grading.crossing.channel import SocketChannel
from kdtutor.grading.crossing.faults import InsideDied, InsideFault, TimeoutInside
from kdtutor.grading.crossing.proxy import Inside
from kdtutor.grading.sandbox import Process

WAIT_SECONDS = 60.0  # of wall time for one cell or one call: for code that waits and does not compute
CPU_SECONDS = 10.0  # for one cell or one check
GLANCE = 0.25
MOST_PROCESSES = 6  # for one learner: a notebook that ends more of them is not started again

LIMITS_IN_WORDS = {
    "cpu_seconds": "it used more CPU time than a submission may",
    "memory": "it used more memory than there is for a submission",
    "processes": "it started more processes than it may",
    "disk": "it wrote more than it may to the disk",
    "files": "it made more files than it may",
}


@dataclass(frozen=True)
class CellError:
    """How a cell of the learner's failed. kind: the exception's type, or "" where the cell ended the process."""

    kind: str
    text: str
    line: int = 0

    def __str__(self) -> str:
        at = f" (line {self.line})" if self.line else ""
        return f"raised {self.kind}: {self.text.splitlines()[0] if self.text else ''}{at}" if self.kind else self.text


class ProcessesUsedUpError(Exception):
    """This notebook has ended as many processes as it may."""


@dataclass
class Session:
    """Runs cells in order. When the process ends, a new one is started, and what went well is run there again.

    start: forks a confined process that serves `notebook_inside`. seed: of the process. most: how many processes it
    may take. cpu_seconds: for one cell or one check.
    """

    start: Callable[[], Process]
    seed: int
    most: int = MOST_PROCESSES
    cpu_seconds: float = CPU_SECONDS
    cells: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    started: int = 0
    _process: Process | None = None
    _inside: Inside | None = None
    _watch: "_Watch | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            assert self._watch is not None
            assert self._inside is not None
            self._watch.stop()
            self._inside.close()
            self._process.close()
        self._process = self._inside = self._watch = None

    def run(self, source: str) -> CellError | None:
        """Run a cell after those before it; how it failed, if it did.

        A cell that ends the process is not run again, unless one that failed before it may be to blame.
        ProcessesUsedUpError where no process can be had for it.
        """
        while True:
            inside = self.inside()
            try:
                failed = _run(inside, source)
            except InsideFault as fault:
                words = self.ended(fault)
                if self.leaves_out_failed():
                    continue
                return CellError("", words)
            self.cells.append(source)
            if failed is not None:
                self.failed.append(source)
            return failed

    def leaves_out_failed(self) -> bool:
        """Whether cells that had failed may be to blame for the end of the process, and from now on are not run again.

        That a limit was crossed is found a moment later, when another cell or a check is at work.
        """
        to_blame = bool(self.failed)
        self.cells = [each for each in self.cells if each not in self.failed]
        self.failed.clear()
        return to_blame

    def inside(self) -> Inside:
        """The learner's code, with all cells run so far. ProcessesUsedUpError where that is no longer possible."""
        while self._inside is None or self._inside.fault is not None:
            self.close()
            if self.started >= self.most:
                raise ProcessesUsedUpError
            self._open()
            self._replay()
        assert self._watch is not None
        self._watch.begin()
        return self._inside

    def ended(self, fault: InsideFault) -> str:
        """What the fault was, in words for the learner. The process is not used any more."""
        process, watch = self._process, self._watch
        assert process is not None
        assert watch is not None
        assert self._inside is not None
        self._inside.fault = self._inside.fault or fault
        if watch.crossed:
            return f"It was still running after {self.cpu_seconds:g} s of CPU time: does a loop never end?"
        if isinstance(fault, TimeoutInside):
            return f"It gave no answer for {WAIT_SECONDS:g} s: does it wait for something, such as input()?"
        if isinstance(fault, InsideDied):
            ending = process.wait(5.0)
            reason = ending.reason if ending else "killed"
            return f"It ended the process that runs it: {LIMITS_IN_WORDS.get(reason, 'it stopped there')}."
        return "What came out of the sandbox could not be read."

    @property
    def computed_too_long(self) -> bool:
        """Whether the process was ended for the CPU time of one cell or check."""
        return bool(self._watch and self._watch.crossed)

    @property
    def timed_out(self) -> bool:
        """Whether the last fault was one of time."""
        fault = self._inside.fault if self._inside else None
        return self.computed_too_long or isinstance(fault, TimeoutInside)

    def _open(self) -> None:
        self._process = self.start()
        self.started += 1
        self._inside = Inside(SocketChannel(self._process.channel), timeout=WAIT_SECONDS)
        self._watch = _Watch(self._process, self.cpu_seconds)

    def _replay(self) -> None:
        assert self._inside is not None
        for source in list(self.cells):
            assert self._watch is not None
            self._watch.begin()
            try:
                _run(self._inside, source)
            except InsideFault:  # it went well before: a cell that ends the process now and then
                self.cells.remove(source)
                return


def _run(inside: Inside, source: str) -> CellError | None:
    try:
        failed = inside.run(source)
    except Exception as error:  # what runs the cells has been tampered with
        return CellError(type(error).__name__, str(error))
    return CellError(*failed) if failed else None


class _Watch:
    """Ends a process whose current cell or check has used its CPU time."""

    def __init__(self, process: Process, cpu_seconds: float) -> None:
        self.crossed = False
        self._process = process
        self._cpu_seconds = cpu_seconds
        self._task = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """From here on it is another cell or check."""
        self._task += 1

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        task, at_its_begin = -1, 0.0
        with suppress(RuntimeError, OSError, ValueError):  # the process is gone
            while not self._stopped.wait(GLANCE):
                now = self._task
                used = self._process.cpu_seconds()
                if now != task:
                    task, at_its_begin = now, used
                elif used - at_its_begin > self._cpu_seconds:
                    self.crossed = True
                    self._process.kill()
                    return
                if self._process.wait(0) is not None:
                    return
