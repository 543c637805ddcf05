"""Processes that grade: replaced when they die, ended when they wait for ever, gone when the work is done."""

import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from functools import partial

import nbformat
import pytest

from kdtutor.grading.assignment import Assignment
from kdtutor.grading.classroom import worker
from kdtutor.grading.classroom.breakdown import Breakdown
from kdtutor.grading.classroom.workers import Workers
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.sandbox import Tier
from kdtutor.grading.sandbox.warm import Line
from tests.grading.class_of_fakes import PRELOAD, FakeGrader, noted, plan

KEY = bytes(32)
ASSIGNMENT = Assignment(
    unit="unit",
    released=nbformat.v4.new_notebook(),
    tests={"check_f": "", "check_g": ""},
    points={"check_f": 1.0, "check_g": 2.0},
    exercise_of={"check_f": "f", "check_g": "g"},
    sha256="0" * 64,
)


def never_starts(reason):
    raise RuntimeError(reason)


def starts_at_the_second_try(assignment, key, diary):
    tried = diary.with_suffix(".tried")
    if not tried.exists():
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return FakeGrader(assignment, key, diary)


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary"


def graded(diary, submissions, jobs=2, start=FakeGrader, **options):
    with Workers(jobs, preload=PRELOAD, **options) as workers:
        outcomes = {
            each.learner: outcome
            for each, outcome in workers.outcomes(partial(start, ASSIGNMENT, KEY, diary), submissions)
        }
    assert not multiprocessing.active_children()
    return outcomes


def class_of(*plans):
    return [Submission(f"learner-{number}", "place", data) for number, data in enumerate(plans)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_everybody_is_graded_once_and_every_grader_is_closed(diary, jobs):
    outcomes = graded(diary, class_of(*(plan(number=n) for n in range(7))), jobs)
    assert sorted(noted(diary)) == sorted(outcomes) == [f"learner-{n}" for n in range(7)]
    assert len(noted(diary, "close")) == jobs
    alone = graded(diary, class_of(*(plan(number=n) for n in range(7))), 1)
    assert all(outcomes[name].evidence() == alone[name].evidence() for name in outcomes)


def test_no_process_is_started_for_nobody(diary):
    assert graded(diary, []) == {}
    assert not diary.exists()


@pytest.mark.parametrize("fate", ["die once", "raise once", "exit once"])
def test_who_broke_a_grader_once_gets_what_they_would_have_got(diary, fate):
    broken = class_of(plan(a=1), plan(do=fate), plan(b=1), plan(c=1))
    outcomes = graded(diary, broken)
    assert noted(diary, "begin").count("learner-1") == 2
    assert sorted(noted(diary)) == [f"learner-{n}" for n in range(4)]
    again = graded(diary, broken)  # by now nothing breaks
    assert all(outcomes[name].evidence() == again[name].evidence() for name in outcomes)


@pytest.mark.parametrize(("fate", "words"), [("die", "ended"), ("raise", "RuntimeError: the sandbox cannot be made")])
def test_who_breaks_it_twice_is_left_to_a_person_and_nobody_else_notices(diary, fate, words):
    outcomes = graded(diary, class_of(plan(do=fate), plan(a=1), plan(b=1), plan(do=fate), plan(c=1)))
    for name, outcome in outcomes.items():
        if name in ("learner-0", "learner-3"):
            assert isinstance(outcome, Breakdown)
            assert words in outcome.reason
            assert not outcome.lasting
            assert noted(diary, "begin").count(name) == 2
        else:
            assert outcome.status == "graded"
            assert noted(diary).count(name) == 1


def test_who_only_waits_is_given_up_at_the_first_try(diary):
    outcomes = graded(diary, class_of(plan(a=1), plan(do="wait"), plan(b=1)), patience=2.0)
    assert outcomes["learner-1"].lasting
    assert "no result after" in outcomes["learner-1"].reason
    assert noted(diary, "begin").count("learner-1") == 1
    assert sorted(noted(diary)) == ["learner-0", "learner-2"]


def test_a_grader_that_never_starts_ends_the_run_with_its_reason(diary):
    start = partial(never_starts, "no room left")
    with (
        Workers(2, preload=PRELOAD) as workers,
        pytest.raises(RuntimeError, match="does not start: RuntimeError: no room left"),
    ):
        list(workers.outcomes(start, class_of(plan())))


def test_a_grader_that_starts_at_the_second_try_will_do(diary):
    outcomes = graded(diary, class_of(plan(), plan()), jobs=1, start=starts_at_the_second_try)
    assert sorted(outcomes) == sorted(noted(diary)) == ["learner-0", "learner-1"]


def test_a_death_under_a_large_submission_blocks_nothing(diary):
    large = plan(do="die once", text="x" * 20_000_000)
    outcomes = graded(diary, class_of(large, plan(a=1), large))
    assert sorted(outcomes) == sorted(noted(diary)) == [f"learner-{n}" for n in range(3)]


def test_an_error_in_the_middle_ends_all_processes_at_once(diary):
    began = time.monotonic()
    with Workers(2, preload=PRELOAD) as workers:
        outcomes = workers.outcomes(
            partial(FakeGrader, ASSIGNMENT, KEY, diary), class_of(plan(), plan(do="wait"), plan())
        )
        next(outcomes)
        workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert not multiprocessing.active_children()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_deaths_at_random_moments_lose_nobody(diary, seed):
    submissions = class_of(*(plan(number=n, seconds=0.1) for n in range(12)))
    quiet = graded(diary, submissions)
    chance, done = random.Random(seed), threading.Event()

    def kill() -> None:
        for _ in range(5):
            if done.wait(chance.uniform(0.05, 0.5)):
                return
            if alive := multiprocessing.active_children():
                chance.choice(alive).kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with Workers(2, preload=PRELOAD) as workers:
        found = list(workers.outcomes(partial(FakeGrader, ASSIGNMENT, KEY, diary), submissions))
    done.set()
    killer.join()
    assert sorted(each.learner for each, _ in found) == sorted(quiet)
    for each, outcome in found:  # twice unlucky is possible, another record is not
        assert isinstance(outcome, Breakdown) or outcome.evidence() == quiet[each.learner].evidence()
    assert sum(isinstance(outcome, Breakdown) for _, outcome in found) <= 2


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_process_at_all_is_refused(jobs):
    with pytest.raises(ValueError, match=f"jobs is {jobs}"):
        Workers(jobs)


class GraderWithALine(FakeGrader):
    """Says what line it was given by the folder in it."""

    def __init__(self, assignment, key, diary):
        super().__init__(assignment, key, diary)
        self._note("line", worker._line.folder if worker._line else "none")


class FakeWarm:
    """Gives twins until there are no more."""

    def __init__(self, diary, twins):
        self.diary, self.twins = diary, iter(range(twins))

    def twin(self):
        number = next(self.twins, None)
        if number is None:
            raise RuntimeError("it is gone")
        near, far = socket.socketpair()
        far.close()
        return Line(Tier("none", True, "-"), near, f"twin-{number}")

    def close(self):
        with open(self.diary, "a") as file:
            file.write("warm closed\n")


@pytest.mark.parametrize(("twins", "wanted"), [(2, ["twin-0", "twin-1"]), (1, ["none", "twin-0"])])
def test_each_grader_is_given_a_twin_and_where_there_is_none_starts_its_own(diary, twins, wanted):
    submissions = class_of(*(plan(number=n, seconds=0.2) for n in range(4)))
    with Workers(2, preload=PRELOAD) as workers:
        workers.warm_up(partial(FakeWarm, diary, twins))
        list(workers.outcomes(partial(GraderWithALine, ASSIGNMENT, KEY, diary), submissions))
    assert sorted(noted(diary, "line")) == wanted
    assert noted(diary, "warm") == ["closed"]


def test_without_a_warm_parent_that_starts_graders_start_their_own(diary):
    with Workers(1, preload=PRELOAD) as workers:
        workers.warm_up(partial(never_starts, "no sandbox"))
        outcomes = list(workers.outcomes(partial(GraderWithALine, ASSIGNMENT, KEY, diary), class_of(plan(number=1))))
    assert noted(diary, "line") == ["none"]
    assert len(outcomes) == 1
