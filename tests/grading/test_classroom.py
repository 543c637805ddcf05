"""A class is graded once: what is unchanged is kept, what is broken costs itself, whatever ends a run loses nothing."""

import errno
import json
import multiprocessing
import random
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from kdtutor.grading.classroom import grade_class as classroom
from kdtutor.grading.classroom import unchanged
from kdtutor.grading.classroom.breakdown import BROKE_DOWN, TOOK_TOO_LONG
from kdtutor.grading.classroom.one_at_a_time import one_at_a_time
from kdtutor.grading.classroom.workers import Workers
from kdtutor.grading.places import key_file, records_folder
from kdtutor.grading.records.canonical_json import canonical
from kdtutor.grading.records.course_key import course_key
from kdtutor.grading.records.record import (
    Check,
    Record,
    fingerprint,
    read_record,
    record_path,
    secret_for,
    sign,
    verify,
    write_record,
)
from kdtutor.grading.sandbox import NoSandboxError
from tests.grading.class_of_fakes import PRELOAD, UNIT, hand_in, let_fakes_grade, noted, plan, small_course

LEARNERS = [f"learner-{n}" for n in range(6)]


@pytest.fixture
def diary(tmp_path, monkeypatch):
    path = tmp_path / "diary"
    let_fakes_grade(monkeypatch, path)
    return path


@pytest.fixture
def course(tmp_path):
    course = small_course(tmp_path / "course")
    for number, learner in enumerate(LEARNERS):
        hand_in(course, learner, plan(number=number))
    return course


def grade(course, **options):
    return classroom.grade_class(course, UNIT, **{"jobs": 2} | options)


def path_of(course, learner):
    return record_path(records_folder(course), UNIT, learner)


def on_disk(course):
    return {learner: path_of(course, learner).read_bytes() for learner in LEARNERS if path_of(course, learner).exists()}


def evidence(records):
    return [record.evidence() for record in records]


def test_each_learner_gets_a_signed_record_the_same_at_any_number_of_jobs(course, diary, tmp_path):
    records = grade(course, jobs=1)
    assert [record.learner for record in records] == LEARNERS
    assert sorted(noted(diary)) == LEARNERS
    assert all(verify(read_record(path_of(course, name)), course_key(key_file(course))) for name in LEARNERS)
    for jobs in (2, 4):
        assert evidence(grade(course, jobs=jobs, records_dir=tmp_path / str(jobs))) == evidence(records)


def test_a_second_run_grades_nothing_and_says_the_same(course, diary):
    told = []
    first, before = grade(course), on_disk(course)
    assert grade(course, report=told.append) == first
    assert on_disk(course) == before
    assert len(noted(diary)) == len(LEARNERS)
    assert [(each.kept, each.done, each.total) for each in told] == [(True, n + 1, 6) for n in range(6)]


def test_only_what_changed_is_graded_again(course, diary):
    grade(course)
    hand_in(course, "learner-2", plan(number="another"))
    hand_in(course, "newcomer", plan())
    records = grade(course)
    assert sorted(noted(diary)[len(LEARNERS) :]) == ["learner-2", "newcomer"]
    assert len(records) == 7


def forged(course, learner):
    content = json.loads(path_of(course, learner).read_bytes())
    for check in content["checks"]:
        check |= {"verdict": "passed", "earned": check["points"]}
    content["score"] = content["max_score"]
    path_of(course, learner).write_bytes(canonical(content))


def of_another_learner(course, learner):
    path_of(course, learner).write_bytes(path_of(course, "learner-0").read_bytes())


def signed_with_another_key(course, learner):
    path = path_of(course, learner)
    write_record(sign(read_record(path), bytes(32)), path)


def _otherwise(course, learner, **changes):
    path = path_of(course, learner)
    write_record(sign(replace(read_record(path), **changes), course_key(key_file(course))), path)


def of_other_versions(course, learner):
    _otherwise(course, learner, versions={"kdtutor": "0.0.1"})


def of_another_sandbox(course, learner):
    _otherwise(course, learner, sandbox="none")


def of_another_assignment(course, learner):
    _otherwise(course, learner, assignment_sha256="1" * 64)


def cut_short(course, learner):
    path_of(course, learner).write_bytes(path_of(course, learner).read_bytes()[:100])


def deleted(course, learner):
    path_of(course, learner).unlink()


@pytest.mark.parametrize(
    "harm",
    [
        forged,
        of_another_learner,
        signed_with_another_key,
        of_other_versions,
        of_another_sandbox,
        of_another_assignment,
        cut_short,
        deleted,
    ],
)
def test_a_record_that_does_not_stand_is_made_again(course, diary, harm):
    records = grade(course)
    harm(course, "learner-3")
    assert evidence(grade(course)) == evidence(records)
    assert noted(diary)[len(LEARNERS) :] == ["learner-3"]


def test_another_assignment_grades_everybody_again(course, diary):
    grade(course)
    solved = course.solved_notebook(UNIT)
    solved.write_text(solved.read_text().replace("check(entropy)", "check(entropy)  # once more"))
    grade(course)
    assert sorted(noted(diary)) == sorted(LEARNERS * 2)


def test_regrade_and_only_say_who(course, diary):
    grade(course)
    assert [record.learner for record in grade(course, only=["learner-1", "learner-4"], regrade=True)] == [
        "learner-1",
        "learner-4",
    ]
    assert sorted(noted(diary)[len(LEARNERS) :]) == ["learner-1", "learner-4"]
    with pytest.raises(ValueError, match=f"no submission of nobody for {UNIT}, only of learner-0"):
        grade(course, only=["nobody"])


def test_who_breaks_the_grader_needs_review_and_is_tried_again_at_the_next_run(course, diary):
    hand_in(course, "learner-1", plan(do="die"))
    records = {record.learner: record for record in grade(course)}
    broken = records.pop("learner-1")
    assert (broken.status, broken.score, broken.max_score) == ("needs-review", 0, 12)
    assert all(check.verdict == "not-graded" and check.message.startswith(BROKE_DOWN) for check in broken.checks)
    assert verify(broken, course_key(key_file(course)))
    assert {record.status for record in records.values()} == {"graded"}
    grade(course)
    assert noted(diary, "begin").count("learner-1") == 4
    assert len(noted(diary)) == 5  # nobody else again
    assert evidence([read_record(path_of(course, "learner-1"))]) == evidence([broken])


def test_who_only_waits_needs_review_and_is_not_waited_for_again(course, diary, monkeypatch):
    monkeypatch.setattr(classroom, "Workers", partial(Workers, preload=PRELOAD, patience=2.0))
    hand_in(course, "learner-1", plan(do="wait"))
    waited = grade(course, only=["learner-1"])[0]
    assert waited.status == "needs-review"
    assert waited.checks[0].message.startswith(TOOK_TOO_LONG)
    assert grade(course, only=["learner-1"]) == [waited]
    assert noted(diary, "begin") == ["learner-1"]


def test_a_submission_that_cannot_be_read_is_not_read_again(course):
    path = hand_in(course, "learner-1", b"")
    path.unlink()
    path.mkdir()
    key = course_key(key_file(course))
    grounds = unchanged.Grounds(UNIT, "0" * 64, {"kdtutor": "1"}, frozenset({"none"}), key)
    (submission,) = [
        each
        for each in classroom.submissions(course.root / "grading" / "submitted", UNIT)
        if each.learner == "learner-1"
    ]
    unread = Record(
        learner="learner-1",
        unit=UNIT,
        status="needs-review",
        checks=[Check("f", 1, "not-graded", message=submission.problem)],
        repairs=(),
        sandbox="none",
        seed=fingerprint(secret_for(key, "learner-1", UNIT)),
        versions={"kdtutor": "1"},
        submission_sha256=None,
        assignment_sha256="0" * 64,
    )
    write_record(sign(unread, key), path_of(course, "learner-1"))
    assert grounds.standing(submission, records_folder(course)) == sign(unread, key)
    other = classroom.Submission("learner-1", "place", problem="There is another problem now.")
    assert grounds.standing(other, records_folder(course)) is None


def test_an_interrupt_keeps_what_was_reported_and_the_next_run_goes_on(course, diary):
    reported = []

    def stop_after_two(progress):
        reported.append(progress.record.learner)
        if len(reported) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(course, report=stop_after_two)
    assert not multiprocessing.active_children()
    before = on_disk(course)
    assert before.keys() >= set(reported)
    graded_before = len(noted(diary))
    grade(course)
    assert all(on_disk(course)[learner] == content for learner, content in before.items())
    assert not set(noted(diary)[graded_before:]) & before.keys()
    assert sorted(on_disk(course)) == LEARNERS


@pytest.mark.parametrize("seed", [1, 2])
def test_a_disk_that_is_full_now_and_then_loses_nothing(course, diary, monkeypatch, seed):
    chance = random.Random(seed)

    def sometimes(record, path):
        if chance.random() < 0.6:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_record(record, path)

    monkeypatch.setattr(classroom, "write_record", sometimes)
    with suppress(OSError):
        grade(course)
    assert sorted(noted(diary)) == LEARNERS
    written = on_disk(course)
    monkeypatch.setattr(classroom, "write_record", write_record)
    grade(course)
    assert sorted(noted(diary)[len(LEARNERS) :]) == sorted(set(LEARNERS) - written.keys())
    assert sorted(on_disk(course)) == LEARNERS


def test_a_disk_that_stays_full_is_said_with_what_is_in_place(course, diary, monkeypatch):
    def full_for_some(record, path):
        if record.learner in ("learner-2", "learner-5"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_record(record, path)

    monkeypatch.setattr(classroom, "write_record", full_for_some)
    with pytest.raises(OSError, match=r"2 of 6 records could not be written \(.*No space left on device\)"):
        grade(course)
    assert sorted(on_disk(course)) == ["learner-0", "learner-1", "learner-3", "learner-4"]
    assert not list(records_folder(course).glob("*/.record.*"))


def test_two_runs_at_once_are_one_too_many(course, diary):
    with (
        one_at_a_time(records_folder(course) / UNIT),
        pytest.raises(RuntimeError, match="being graded by another run"),
    ):
        grade(course)
    assert len(grade(course)) == len(LEARNERS)


def test_no_sandbox_no_grading(course, diary, monkeypatch):
    def none(*, trusted):
        raise NoSandboxError("No sandbox works on this machine")

    monkeypatch.setattr(classroom, "best", none)
    with pytest.raises(NoSandboxError):
        grade(course)
    assert on_disk(course) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "jobs is 0"),
        ({"engine": "cloud"}, "engine is 'cloud'"),
        ({"scheduler": "tcp://somewhere:8786"}, "a scheduler is for the engine dask"),
    ],
)
def test_what_makes_no_sense_is_refused(course, diary, options, words):
    with pytest.raises(ValueError, match=words):
        grade(course, **options)


def test_an_unknown_unit_or_place_is_named(course, diary, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        grade(course, submitted=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"nobody has handed in {UNIT}"):
        grade(course, submitted=tmp_path / "empty")
    hand_in(course, "ada", b"{}").rename(tmp_path / "ada_99_nothing.ipynb")
    with pytest.raises(FileNotFoundError, match="kdtutor build 99_nothing"):
        classroom.grade_class(course, "99_nothing", submitted=tmp_path / "ada_99_nothing.ipynb")
