"""`kdtutor grade` while its processes are killed at random: records and gradebook as if nothing had happened."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from kdtutor.authoring.layout import Course
from kdtutor.grading.demo import SAMPLES
from kdtutor.grading.places import key_file, records_folder
from kdtutor.grading.records.record import read_record
from kdtutor.grading.sandbox.inside.census import children, descendants
from tests.grading.class_of_fakes import ROOT, UNIT, hand_in, small_course

pytestmark = pytest.mark.slow
HANDED_IN = [name for name in SAMPLES if name != "endless-loop"]  # whose CPU time is all that it costs here
SHOTS = 5
PATIENCE = 400  # seconds for a run


@dataclass(frozen=True)
class Found:
    """What a class came to."""

    evidence: dict[str, bytes]
    book: list[tuple]


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    course = small_course(tmp_path_factory.mktemp("handed_in") / "course")
    solved, released = (
        nbformat.read(path, as_version=4) for path in (course.solved_notebook(UNIT), course.learner_notebook(UNIT))
    )
    solutions = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if is_solution(cell)}
    for name in HANDED_IN:
        for cell in released.cells:
            if SAMPLES[name] is not None and is_solution(cell):
                grade_id = cell.metadata.nbgrader.grade_id
                cell.source = SAMPLES[name].get(grade_id, solutions[grade_id]).strip()
        hand_in(course, name, nbformat.writes(released).encode())
    return course


@pytest.fixture(scope="module")
def undisturbed(handed_in, tmp_path_factory):
    course = copied(handed_in, tmp_path_factory.mktemp("quiet") / "course")
    assert start(course).wait(PATIENCE) == 0
    shutil.copyfile(key_file(course), key_file(handed_in))  # the same key, so the same inputs and signatures
    return found(course)


def is_solution(cell):
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def copied(course, folder):
    shutil.copytree(course.root, folder)
    return Course.of(folder)


def start(course, temporary=None):
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if temporary is not None:
        surroundings["TMPDIR"] = str(temporary)
    with open(course.root / "said", "ab") as said:
        command = [sys.executable, "-m", "kdtutor", "grade", UNIT, "--jobs", "2"]
        return subprocess.Popen(command, cwd=course.root, env=surroundings, stdout=said, stderr=said)


def records(course):
    return {path.stem: path.read_bytes() for path in (records_folder(course) / UNIT).glob("*.json")}


def found(course):
    evidence = {
        name: read_record(records_folder(course) / UNIT / f"{name}.json").evidence() for name in records(course)
    }
    with closing(sqlite3.connect(course.root / "grading" / "gradebook.db")) as book:
        rows = book.execute(
            "select submitted_assignment.student_id, base_cell.name, grade.auto_score, grade.needs_manual_grade"
            " from grade join submitted_notebook on grade.notebook_id = submitted_notebook.id"
            " join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id"
            " join base_cell on grade.cell_id = base_cell.id"
        )
        return Found(evidence, sorted(rows))


def targets(grader):
    """Process ids by what they are: the grader in charge, its workers, their sandboxes, the learners' processes."""
    found = {"grader": [grader.pid], "worker": [], "sandbox": [], "learner": []}
    for pid in descendants(grader.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes() if Path(f"/proc/{pid}").exists() else b""
        if b"sandbox.inside.server" in command:
            above = [each for each in found["sandbox"] if pid in children(each)]
            found["learner" if above else "sandbox"].append(pid)
        elif b"forkserver" in command:
            found["worker"].append(pid)
    return {kind: pids for kind, pids in found.items() if pids}


def alive(pids):
    return [
        pid for pid in pids if Path(f"/proc/{pid}").exists() and b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    ]


def shoot(grader, chance):
    """Kill one process, of a kind drawn first. Returns what was hit, and all that belonged to the grader."""
    with suppress(OSError):
        all_of_it = [grader.pid, *descendants(grader.pid)]
        candidates = targets(grader)
        kind = chance.choice(sorted(candidates))
        os.kill(chance.choice(candidates[kind]), signal.SIGKILL)
        return kind, all_of_it
    return "missed", []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_and_gradebook_are_those_of_an_undisturbed_run(handed_in, undisturbed, tmp_path, seed):
    chance = random.Random(seed)
    course = copied(handed_in, tmp_path / "course")
    hits, settled = [], {}
    with tempfile.TemporaryDirectory(prefix="fire") as temporary:
        for _ in range(SHOTS + 3):
            grader = start(course, temporary)
            deadline = time.monotonic() + PATIENCE
            while grader.poll() is None and time.monotonic() < deadline:
                with suppress(subprocess.TimeoutExpired):
                    grader.wait(chance.uniform(0.2, 4.0) if len(hits) < SHOTS else PATIENCE)
                if grader.poll() is None and len(hits) < SHOTS:
                    hit, processes = shoot(grader, chance)
                    hits.append(hit)
                    if hit == "grader":
                        grader.wait(60)
                        gone_by = time.monotonic() + 60
                        while alive(processes) and time.monotonic() < gone_by:
                            time.sleep(0.1)
                        assert not alive(processes), "a dead grader leaves nothing running"
            assert grader.poll() is not None
            now = records(course)
            assert all(now[name] == content for name, content in settled.items()), "nothing is graded twice"
            settled = {name: content for name, content in now.items() if b"the grader broke down" not in content}
            if grader.returncode == 0 and len(settled) == len(HANDED_IN):
                break
    assert len(hits) >= 3, hits
    assert found(course) == undisturbed
    assert not list((records_folder(course) / UNIT).glob(".record.*")) or "grader" in hits
