"""The same class on a real Dask scheduler with two worker processes on loopback, one of which is killed midway."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from kdtutor.grading.classroom import grade_class as classroom
from kdtutor.grading.classroom.breakdown import BROKE_DOWN
from tests.grading.class_of_fakes import ROOT, UNIT, hand_in, let_fakes_grade, noted, plan, small_course

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # distributed's own sockets and event loops, when it is shut down
]
LEARNERS = [f"learner-{n}" for n in range(6)]


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler and two workers; gives its file and the process ids of the workers."""
    file = tmp_path / "scheduler.json"
    surroundings = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s",
        "OMP_NUM_THREADS": "1",
    }
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    commands = [
        ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common],
        *[["dask_worker", "--nworkers", "1", "--nthreads", "1", "--local-directory", str(tmp_path), *common]] * 2,
    ]
    with open(tmp_path / "log", "wb") as log:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
                env=surroundings,
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for name, *arguments in commands
        ]
    try:
        yield file
    finally:
        for process in started:  # with what they have started: a nanny's worker is in its session
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)


@pytest.fixture
def course(tmp_path):
    course = small_course(tmp_path / "course")
    for number, learner in enumerate(LEARNERS):
        hand_in(course, learner, plan(number=number, seconds=0.5))
    return course


@pytest.fixture
def diary(tmp_path, monkeypatch):
    path = tmp_path / "diary"
    let_fakes_grade(monkeypatch, path)
    return path


def kill_a_worker(scheduler):
    from distributed import Client

    with Client(scheduler_file=str(scheduler)) as client:
        os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)


def two_workers(scheduler):
    from distributed import Client

    for _ in range(600):
        if scheduler.exists():
            break
        time.sleep(0.1)
    with Client(scheduler_file=str(scheduler), timeout=60) as client:
        client.wait_for_workers(2, timeout=120)


def test_a_cluster_makes_the_records_of_one_machine_though_a_worker_is_killed(course, diary, scheduler, tmp_path):
    alone = classroom.grade_class(course, UNIT, jobs=2, records_dir=tmp_path / "alone")
    diary.unlink()
    two_workers(scheduler)
    killed = []

    def kill_once(progress):
        if not killed:
            killed.append(progress.record.learner)
            kill_a_worker(scheduler)

    records = classroom.grade_class(course, UNIT, engine="dask", scheduler=str(scheduler), report=kill_once)
    assert killed
    assert [record.evidence() for record in records] == [record.evidence() for record in alone]
    assert set(noted(diary)) == set(LEARNERS)
    kept = []
    again = classroom.grade_class(course, UNIT, engine="dask", scheduler=str(scheduler), report=kept.append)
    assert again == records
    assert all(each.kept for each in kept)


def test_who_kills_every_worker_needs_review_and_the_others_are_graded(course, diary, scheduler):
    hand_in(course, "learner-3", plan(do="die"))
    two_workers(scheduler)
    records = {
        record.learner: record
        for record in classroom.grade_class(course, UNIT, engine="dask", scheduler=str(scheduler))
    }
    broken = records.pop("learner-3")
    assert broken.status == "needs-review"
    assert broken.checks[0].message.startswith(BROKE_DOWN)
    assert {record.status for record in records.values()} == {"graded"}


def test_a_cluster_by_the_name_of_its_class(course, diary):
    import dask

    with dask.config.set({"distributed.worker.daemon": False}):
        records = classroom.grade_class(course, UNIT, jobs=1, engine="dask", scheduler="tests.grading.one_node:OneNode")
    assert sorted(noted(diary)) == [record.learner for record in records] == LEARNERS


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (None, "--engine dask needs --scheduler"),
        ("somewhere", "--scheduler is 'somewhere': it has to be the address of a Dask scheduler"),
        ("dask_of_nobody:Cluster", "there is no cluster dask_of_nobody:Cluster here: No module named"),
        ("distributed:NoCluster", "there is no cluster distributed:NoCluster here"),
    ],
)
def test_a_scheduler_that_cannot_be_is_said_in_words(course, diary, scheduler, words):
    with pytest.raises(ValueError, match=words):
        classroom.grade_class(course, UNIT, engine="dask", scheduler=scheduler)
