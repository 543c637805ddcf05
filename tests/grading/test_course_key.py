"""The key that signs records, made once and kept closed, and the secrets that follow from it."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kdtutor.grading.records.record import (
    course_key,
    fingerprint,
    secret_for,
    sign,
)
from tests.grading.sample_record import KEY, OTHER_KEY, record


def test_the_course_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "grading" / "course.key"
    key = course_key(path)
    assert len(key) == 32
    assert course_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["course.key"]
    assert course_key(tmp_path / "another") != key


def test_all_who_ask_at_once_get_one_key(tmp_path):
    askers = 8
    for attempt in range(20):
        path, start = tmp_path / f"{attempt}.key", Barrier(askers)

        def ask(asker, path=path, start=start):
            start.wait(timeout=30)
            return course_key(path)

        with ThreadPoolExecutor(askers) as pool:
            assert set(pool.map(ask, range(askers))) == {course_key(path)}
    assert len(list(tmp_path.iterdir())) == 20


def test_a_key_that_another_made_meanwhile_is_the_course_s(tmp_path, monkeypatch):
    path = tmp_path / "course.key"
    link = os.link

    def late(source, target):
        path.write_text("ab" * 32 + "\n")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert course_key(path) == bytes.fromhex("ab" * 32)
    assert [each.name for each in tmp_path.iterdir()] == ["course.key"]


def test_a_key_that_others_could_read_is_closed_again(tmp_path):
    path = tmp_path / "course.key"
    key = course_key(path)
    path.chmod(0o644)
    assert course_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"", b"abc\n", b"z" * 64 + b"\n", b"a" * 64, b"a" * 64 + b"\r\n"])
def test_a_damaged_key_is_not_replaced_silently(tmp_path, damage):
    path = tmp_path / "course.key"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match="holds no course key"):
        course_key(path)
    assert path.read_bytes() == damage


def test_a_full_disk_leaves_no_half_key(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        course_key(tmp_path / "course.key")
    assert list(tmp_path.iterdir()) == []


def test_a_learner_s_secret_is_the_same_at_every_regrade_and_nobody_else_s():
    secret = secret_for(KEY, "ada", "01_soft_targets")
    assert secret == secret_for(KEY, "ada", "01_soft_targets")
    others = [
        secret_for(KEY, "bob", "01_soft_targets"),
        secret_for(KEY, "ada", "00_start_here"),
        secret_for(OTHER_KEY, "ada", "01_soft_targets"),
    ]
    assert len({secret, *others}) == 4


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
@example(("ab", "c"), ("a", "bc"))
def test_no_two_learners_and_units_share_a_secret(one, other):
    assert (secret_for(KEY, *one) == secret_for(KEY, *other)) == (one == other)


def test_the_seed_of_a_record_does_not_give_the_secret_away():
    secret = secret_for(KEY, "ada", "01_soft_targets")
    assert fingerprint(secret) == fingerprint(secret)
    assert fingerprint(secret) not in secret
    assert fingerprint(secret) != fingerprint(secret_for(KEY, "bob", "01_soft_targets"))


def test_a_key_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="a course key has 32"):
        secret_for(b"short", "ada", "01_soft_targets")
    with pytest.raises(ValueError, match="a course key has 32"):
        sign(record(), b"")
