"""A class whose submissions say what becomes of their grader: for tests of everything around the grading itself."""

import hashlib
import json
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from kdtutor.authoring.layout import Course
from kdtutor.grading.assignment import Assignment
from kdtutor.grading.classroom import grade_class
from kdtutor.grading.classroom.workers import Workers
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Check, Record, fingerprint, secret_for, sign
from kdtutor.grading.sandbox import Warm, best
from kdtutor.grading.versions import versions

UNIT = "01_soft_targets"
PRELOAD = ("tests.grading.class_of_fakes", "kdtutor.grading.classroom.worker")
ROOT = Path(__file__).resolve().parents[2]


def small_course(folder: Path) -> Course:
    """A course with one unit, as it was built here."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "nbgrader_config.py", folder / "nbgrader_config.py")
    for tree in ("solutions", "course"):
        (folder / tree / UNIT).mkdir(parents=True)
        shutil.copyfile(ROOT / tree / UNIT / f"{UNIT}.ipynb", folder / tree / UNIT / f"{UNIT}.ipynb")
    return Course.of(folder)


def hand_in(course: Course, learner: str, content: bytes) -> Path:
    path = course.root / "grading" / "submitted" / learner / UNIT / f"{UNIT}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def plan(**words: object) -> bytes:
    """What is handed in, for a FakeGrader to act on."""
    return json.dumps(words).encode()


class FakeGrader:
    """Gives points by a hash of what was handed in, and notes in a file when it begins and ends with a learner."""

    def __init__(self, assignment: Assignment, key: bytes, diary: Path) -> None:
        self.assignment, self.key, self.diary = assignment, key, diary
        self.tier = best().name

    def close(self) -> None:
        self._note("close", "")

    def grade(self, submission: Submission) -> Record:
        self._note("begin", submission.learner)
        told = json.loads(submission.data or b"{}")
        time.sleep(told.get("seconds", 0))
        self._act(told.get("do", ""), self.diary.parent / f"{submission.learner}.acted")
        digest = hashlib.sha256(submission.data or b"").digest()
        record = Record(
            learner=submission.learner,
            unit=self.assignment.unit,
            status="graded",
            checks=[
                Check(exercise, points, "passed" if digest[i] % 2 else "failed", message="" if digest[i] % 2 else "No.")
                for i, (exercise, points) in enumerate(
                    (self.assignment.exercise_of[name], points) for name, points in self.assignment.points.items()
                )
            ],
            repairs=(),
            sandbox=self.tier,
            seed=fingerprint(secret_for(self.key, submission.learner, self.assignment.unit)),
            versions=versions(),
            submission_sha256=hashlib.sha256(submission.data or b"").hexdigest(),
            assignment_sha256=self.assignment.sha256,
        )
        self._note("end", submission.learner)
        return sign(record, self.key)

    def _act(self, what: str, acted: Path) -> None:
        if "once" in what and acted.exists():
            return
        acted.touch()
        if "die" in what:
            os.kill(os.getpid(), signal.SIGKILL)
        if "raise" in what:
            raise RuntimeError("the sandbox cannot be made")
        if "exit" in what:
            raise SystemExit(3)
        if "wait" in what:
            time.sleep(600)

    def _note(self, what: str, learner: str) -> None:
        with open(self.diary, "a") as file:
            file.write(f"{what} {learner}\n")


def start_fake(assignment: Assignment, key: bytes, *, trust: bool = False, diary: Path) -> FakeGrader:
    return FakeGrader(assignment, key, diary)


def fakes(diary: Path) -> partial[FakeGrader]:
    """What takes the place of `start_grader`."""
    return partial(start_fake, diary=diary)


def let_fakes_grade(monkeypatch: pytest.MonkeyPatch, diary: Path) -> None:
    """In `grade_class`: fakes for graders, which need no warm parent, in processes that import no more than they do."""

    def no_warm_parent(assignment: Assignment, *, trust: bool = False) -> Warm:
        raise RuntimeError("fakes need none")

    monkeypatch.setattr(grade_class, "start_grader", fakes(diary))
    monkeypatch.setattr(grade_class, "start_warm_parent", no_warm_parent)
    monkeypatch.setattr(grade_class, "Workers", partial(Workers, preload=PRELOAD))


def noted(diary: Path, what: str = "end") -> list[str]:
    """Learners in the order in which something was noted of them."""
    lines = diary.read_text().splitlines() if diary.exists() else []
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == what]
