"""From what was handed in to a signed record: the learner's cells run in a sandbox, the tests here."""

import ast
import functools
import hashlib
import io
import math
import os
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from types import CodeType, MappingProxyType, TracebackType
from typing import Any, Self

import torch
from nbformat import NotebookNode

from kdtutor.grading.assignment import Assignment, runs_while_grading
from kdtutor.grading.crossing.faults import CannotCross, InsideDied, InsideFault, ProtocolError
from kdtutor.grading.crossing.proxy import came_from_inside
from kdtutor.grading.handed_in.cell_roles import grade_id, is_check, is_solution
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.handed_in.submission import Rebuilt, Unreadable, rebuild
from kdtutor.grading.learners_process import AT_HAND, warm_parent
from kdtutor.grading.records.record import Check, Record, fingerprint, secret_for, sign
from kdtutor.grading.sandbox import Limits, Tier, best
from kdtutor.grading.sandbox.warm import Line
from kdtutor.grading.session import CPU_SECONDS, MOST_PROCESSES, CellError, ProcessesUsedUpError, Session
from kdtutor.grading.versions import versions

NO_ERRORS: Mapping[str, CellError] = MappingProxyType({})
REPEATED = ("failed", "error", "timeout", "not-graded")


@dataclass(frozen=True)
class Finding:
    """What became of one check. final: running it again would tell nothing new. measured: what its cell measured."""

    verdict: str
    message: str = ""
    mistake: str | None = None
    seconds: float = 0.0
    final: bool = False
    measured: Mapping[str, float] = field(default_factory=dict)


class Grader:
    """Grades submissions of one unit. It keeps a warm parent for the sandbox: close it, or use it in a `with` block.

    key: the course's. tier: where the learners' code runs; by default the best that works here, NoSandboxError where
    none does. limits, at_hand, line: of its warm parent, see `warm_parent`. cpu_seconds: for one cell or one check.
    """

    def __init__(
        self,
        assignment: Assignment,
        key: bytes,
        *,
        tier: Tier | None = None,
        limits: Limits | None = None,
        at_hand: Iterable[str] = AT_HAND,
        line: Line | None = None,
        cpu_seconds: float = CPU_SECONDS,
    ) -> None:
        self.assignment = assignment
        self.cpu_seconds = cpu_seconds
        self.versions: Mapping[str, str] = versions()
        self._key = key
        self._tests = {name: _compiled(name, source) for name, source in assignment.tests.items()}
        self._stubs = {grade_id(cell): cell.source.rstrip() for cell in assignment.released.cells if is_solution(cell)}
        self._mentioned = {name: _names_in(source) & assignment.exercises for name, source in assignment.tests.items()}
        self._warm = warm_parent(assignment, tier or best(), limits=limits, at_hand=at_hand, line=line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm parent; nothing that ran for a learner is left."""
        self._warm.close()

    def grade(self, submission: Submission) -> Record:
        """The signed record of a submission. Nothing that was handed in makes this raise.

        RuntimeError where the sandbox itself cannot be made.
        """
        data = submission.data
        if data is None:
            return self._record(submission.learner, None, (), dict.fromkeys(self._tests, _unread(submission.problem)))
        try:
            rebuilt = rebuild(self.assignment.released, data)
        except Unreadable as problem:
            return self._record(submission.learner, data, (), dict.fromkeys(self._tests, _unread(str(problem))))
        secret = secret_for(self._key, submission.learner, self.assignment.unit)
        with surroundings(secret):
            findings = self._findings(rebuilt, int(secret[:12], 16))
        return self._record(submission.learner, data, rebuilt.repairs, findings)

    def _findings(self, rebuilt: Rebuilt, seed: int) -> dict[str, Finding]:
        """One of each check. What did not pass is tried once more, in a process that no other check has touched."""
        findings, used = self._pass(rebuilt, seed, frozenset(self._tests), MOST_PROCESSES - 1)
        again = frozenset(name for name, each in findings.items() if each.verdict in REPEATED and not each.final)
        if again:
            second, _ = self._pass(rebuilt, seed, again, MOST_PROCESSES - used)
            for name, finding in second.items():
                if finding.verdict == "passed" or findings[name].verdict == "not-graded":
                    findings[name] = finding
        return findings

    def _pass(self, rebuilt: Rebuilt, seed: int, wanted: frozenset[str], most: int) -> tuple[dict[str, Finding], int]:
        """Run the notebook down to the last check that is wanted: findings, and the number of processes it took."""
        findings: dict[str, Finding] = {}
        errors: dict[str, CellError] = {}
        cells = list(rebuilt.notebook.cells)
        with self.session(seed, most) as session:
            try:
                while cells and not wanted <= findings.keys():
                    cell = cells.pop(0)
                    name = grade_id(cell) or ""
                    if is_check(cell) and name in wanted:
                        empty = self.assignment.exercise_of[name] in rebuilt.untouched
                        findings[name] = self._empty(name) if empty else self.judged(session, name, errors)
                    source = "" if self._is_stub(cell) else runs_while_grading(cell)
                    failed = session.run(source) if source.strip() else None
                    if failed is not None and name:
                        errors[name] = failed
            except ProcessesUsedUpError:
                given_up = Finding("error", f"Your notebook ended the process that runs it {most} times.", final=True)
                findings |= dict.fromkeys(wanted - findings.keys(), given_up)
        return findings, session.started

    def _empty(self, check: str) -> Finding:
        exercise = self.assignment.exercise_of[check]
        return Finding("not-attempted", f"{exercise} is still empty: nothing was handed in for it.", final=True)

    def _is_stub(self, cell: NotebookNode) -> bool:
        """Whether a cell is an exercise as it was handed out: it would undo what was written for it elsewhere."""
        return is_solution(cell) and self._stubs.get(grade_id(cell)) == cell.source.rstrip()

    def session(self, seed: int, most: int = MOST_PROCESSES) -> Session:
        """A notebook in the sandbox in which no cell has run yet."""
        return Session(functools.partial(self._warm.fork, seed=seed), seed, most=most, cpu_seconds=self.cpu_seconds)

    def judged(self, session: Session, check: str, errors: Mapping[str, CellError] = NO_ERRORS) -> Finding:
        """What becomes of a check as the notebook stands now. errors: how the exercises' cells failed.

        It draws its inputs from the secret that `surroundings` has set.
        """
        exercise = self.assignment.exercise_of[check]
        began = time.process_time()
        inside = session.inside()
        inside_began = inside.cpu_seconds
        names: dict[str, Any] = {"__name__": "__main__"}
        try:
            for name in sorted(self._mentioned[check] | {exercise}):
                with suppress(Exception):  # no such name, or nothing that can be had under it
                    names[name] = inside.stand_in(name)
            if exercise not in names:
                finding = _undefined(exercise, errors.get(exercise))
            else:
                finding = _verdict(exercise, self._tests[check], names)
            fault = inside.fault
        except InsideFault as found:
            fault = found
        if fault is not None:
            finding = _faulty(session, fault)
            if isinstance(fault, InsideDied) and session.leaves_out_failed():
                return self.judged(session, check, errors)
        seconds = time.process_time() - began + inside.cpu_seconds - inside_began
        numbers = _measured(names) if "measured" not in self.assignment.exercises else {}
        return Finding(finding.verdict, finding.message, finding.mistake, seconds, finding.final, numbers)

    def _record(
        self, learner: str, data: bytes | None, repairs: tuple[str, ...], findings: Mapping[str, Finding]
    ) -> Record:
        checks = [
            Check(
                self.assignment.in_records(name),
                points,
                findings[name].verdict,
                findings[name].mistake,
                findings[name].message,
                findings[name].seconds,
                findings[name].measured,
            )
            for name, points in self.assignment.points.items()
        ]
        unsettled = data is None or any(check.verdict == "not-graded" for check in checks)
        record = Record(
            learner=learner,
            unit=self.assignment.unit,
            status="needs-review" if unsettled else "graded",
            checks=checks,
            repairs=repairs,
            sandbox=self._warm.tier.name,
            seed=fingerprint(secret_for(self._key, learner, self.assignment.unit)),
            versions=self.versions,
            submission_sha256=None if data is None else hashlib.sha256(data).hexdigest(),
            assignment_sha256=self.assignment.sha256,
        )
        return sign(record, self._key)


def _verdict(exercise: str, test: CodeType, names: dict[str, Any]) -> Finding:
    """Run a test cell, as a learner would, and take its last word."""
    try:
        with _silence():
            exec(test, names)
    except Exception as error:
        judged = getattr(error, "verdict", None)  # of kdtutor.checks.CheckFailed, which a test cell brings with it
        if judged is not None:
            return Finding(judged.status, judged.message, judged.mistake, final=judged.status == "not-attempted")
        if came_from_inside(error):
            return Finding("error", f"{exercise} raised {_in_words(error)}")
        if isinstance(error, AssertionError):
            return Finding("failed", str(error) or f"A further test of {exercise} does not hold.")
        return Finding("failed", f"A further test could not go on with what {exercise} gave: {_in_words(error)}")
    return Finding("passed")


def _measured(names: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that a test cell left in its dictionary `measured`: nobody but the cell writes there."""
    found = names.get("measured")
    if type(found) is not dict:
        return {}
    return {k: float(v) for k, v in found.items() if type(k) is str and type(v) in (int, float) and math.isfinite(v)}


def _undefined(exercise: str, error: CellError | None) -> Finding:
    if error is None:
        return Finding("error", f"{exercise} is not defined in the notebook.")
    return Finding("error", f"{exercise} is not defined: its cell {error}" if error.kind else str(error))


def _faulty(session: Session, fault: InsideFault) -> Finding:
    words = session.ended(fault)
    if isinstance(fault, ProtocolError | CannotCross):
        return Finding("not-graded", f"Not graded, because what came out of the sandbox could not be read: {fault}")
    if session.timed_out:
        return Finding("timeout", words, final=session.computed_too_long)
    assert isinstance(fault, InsideDied)
    return Finding("error", words)


def _unread(problem: str | None) -> Finding:
    return Finding("not-graded", problem or "There is no submission to read.")


def _in_words(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    said = f"{type(error).__name__}: {lines[0][:300]}"
    shown = traceback.extract_tb(error.__traceback__)[-1:]
    where = [f"\n  line {frame.lineno}: {frame.line}" for frame in shown if frame.filename.startswith("<learner's")]
    return said + "".join(where)


def _compiled(name: str, source: str) -> CodeType:
    return compile(source, f"<{name}>", "exec", dont_inherit=True)


def _names_in(source: str) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))


@contextmanager
def surroundings(secret: str) -> Iterator[None]:
    """The surroundings of a test: its secret, one thread, and checks that raise where they show a note at home."""
    set_here = {"NBGRADER_EXECUTION": "autograde", "KDTUTOR_SECRET": secret}
    before = {name: os.environ.get(name) for name in set_here}
    threads = torch.get_num_threads()
    os.environ.update(set_here)
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(secret[:12], 16))
            yield
    finally:
        torch.set_num_threads(threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
