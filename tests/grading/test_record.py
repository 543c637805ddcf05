"""The record: nothing impossible can be in one, it is read strictly, and its signature holds."""

import json
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from threading import Barrier

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kdtutor.grading.records.record import (
    TIERS,
    VERDICTS,
    Check,
    Record,
    RecordError,
    course_key,
    fingerprint,
    read_record,
    record_path,
    secret_for,
    sign,
    verify,
    write_record,
)

KEY, OTHER_KEY = bytes(range(32)), bytes(32)


def check(**changes) -> Check:
    return Check(**{"name": "soften", "points": 2, "verdict": "passed", "message": "Right.", "seconds": 0.25} | changes)


def record(**changes) -> Record:
    failed = check(name="kd_loss", points=3, verdict="failed", mistake="no T²", message="T² is missing.")
    fields = {
        "learner": "ada",
        "unit": "01_soft_targets",
        "status": "graded",
        "checks": [check(), failed],
        "repairs": ["Cells of the unit had been moved: they are back in the unit's order."],
        "sandbox": "bubblewrap",
        "seed": fingerprint("secret"),
        "versions": {"torch": "2.14.1", "kdtutor": "0.1.0"},
        "submission_sha256": "a" * 64,
        "assignment_sha256": "b" * 64,
    }
    return Record(**fields | changes)


def content(**changes) -> dict:
    return json.loads(sign(record(), KEY).to_json()) | changes


def read(changed: dict) -> Record:
    return Record.from_json(json.dumps(changed).encode())


names = st.from_regex(r"[a-z][a-z_0-9]{0,20}", fullmatch=True)
texts = st.text(min_size=1).filter(str.strip)


@st.composite
def checks(draw, verdicts=VERDICTS):
    verdict = draw(st.sampled_from(verdicts))
    mistake = draw(st.none() | texts) if verdict == "failed" else None
    points, seconds = draw(st.floats(0, 100)), draw(st.floats(0, 100))
    return Check(draw(names), points, verdict, mistake, draw(texts), seconds)


@st.composite
def records(draw):
    found = draw(st.lists(checks(), max_size=5, unique_by=lambda each: each.name))
    whole = all(each.verdict != "not-graded" for each in found)
    return record(
        learner=draw(names),
        status=draw(st.sampled_from(["graded", "needs-review"])) if whole else "needs-review",
        checks=found,
        repairs=draw(st.lists(st.text(), max_size=3)),
        sandbox=draw(st.sampled_from(TIERS)),
    )


def test_a_record_s_file_reads_as_the_issue_says():
    assert json.loads(sign(record(), KEY).to_json()) == {
        "learner": "ada",
        "unit": "01_soft_targets",
        "status": "graded",
        "score": 2,
        "max_score": 5,
        "checks": [
            {
                "name": "soften",
                "points": 2,
                "earned": 2,
                "verdict": "passed",
                "mistake": None,
                "message": "Right.",
                "seconds": 0.25,
            },
            {
                "name": "kd_loss",
                "points": 3,
                "earned": 0,
                "verdict": "failed",
                "mistake": "no T²",
                "message": "T² is missing.",
                "seconds": 0.25,
            },
        ],
        "repairs": ["Cells of the unit had been moved: they are back in the unit's order."],
        "sandbox": "bubblewrap",
        "seed": fingerprint("secret"),
        "versions": {"kdtutor": "0.1.0", "torch": "2.14.1"},
        "submission_sha256": "a" * 64,
        "assignment_sha256": "b" * 64,
        "signature": sign(record(), KEY).signature,
    }


@pytest.mark.parametrize("verdict", VERDICTS)
def test_points_are_earned_by_passing_and_by_nothing_else(verdict):
    assert check(verdict=verdict).earned == (2 if verdict == "passed" else 0)


@given(records())
def test_the_score_is_the_sum_of_what_passed(found):
    assert found.score == pytest.approx(sum(each.points for each in found.checks if each.verdict == "passed"))
    assert 0 <= found.score <= found.max_score


@given(records())
def test_a_record_comes_back_from_its_file_as_it_was(found):
    signed = sign(found, KEY)
    again = Record.from_json(signed.to_json())
    assert again == signed
    assert again.to_json() == signed.to_json()
    assert verify(again, KEY)
    assert pickle.loads(pickle.dumps(signed)) == signed


def test_the_same_content_has_the_same_bytes_however_it_was_given():
    one = record(versions={"a": "1", "b": "2"}, checks=[check(points=2)])
    other = record(versions={"b": "2", "a": "1"}, checks=(check(points=2.0),))
    assert one.to_json() == other.to_json()


@given(records(), st.floats(0, 1000))
def test_seconds_change_neither_evidence_nor_signature(found, seconds):
    slower = replace(found, checks=[replace(each, seconds=seconds) for each in found.checks])
    assert slower.evidence() == found.evidence()
    assert sign(slower, KEY).signature == sign(found, KEY).signature
    assert b"seconds" not in record(repairs=()).evidence()


CHANGES = {
    "learner": "bob",
    "unit": "00_start_here",
    "status": "needs-review",
    "checks": [check()],
    "repairs": [],
    "sandbox": "none",
    "seed": fingerprint("other"),
    "versions": {},
    "submission_sha256": "c" * 64,
    "assignment_sha256": "c" * 64,
}


@pytest.mark.parametrize("field", CHANGES)
def test_any_change_breaks_the_signature(field):
    signed = sign(record(), KEY)
    assert verify(signed, KEY)
    assert not verify(replace(signed, **{field: CHANGES[field]}), KEY)


@pytest.mark.parametrize("change", [{"points": 3}, {"verdict": "error"}, {"message": "!"}, {"name": "entropy"}])
def test_any_change_of_a_check_breaks_the_signature(change):
    signed = sign(record(), KEY)
    checks_changed = [replace(signed.checks[0], **change), signed.checks[1]]
    assert not verify(replace(signed, checks=checks_changed), KEY)


def test_another_key_s_signature_and_none_do_not_hold():
    assert not verify(sign(record(), OTHER_KEY), KEY)
    assert not verify(record(), KEY)


def test_signing_again_changes_nothing():
    assert sign(sign(record(), KEY), KEY) == sign(record(), KEY)


def test_records_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        record().learner = "bob"
    with pytest.raises(FrozenInstanceError):
        check().points = 100
    given_versions = {"torch": "1"}
    made = record(versions=given_versions)
    given_versions["torch"] = "2"
    assert made.versions == {"torch": "1"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": -1}, "points is -1"),
        ({"points": float("nan")}, "points is nan"),
        ({"points": float("inf")}, "points is inf"),
        ({"points": True}, "points is a bool"),
        ({"points": "2"}, "points is a str"),
        ({"points": 10**400}, "points is 1000"),
        ({"verdict": "excellent"}, "verdict is 'excellent': it has to be passed, failed"),
        ({"verdict": ["passed"]}, "verdict is"),
        ({"mistake": "no T²"}, "only a failed check has one"),
        ({"verdict": "error", "mistake": "no T²"}, "only a failed check has one"),
        ({"verdict": "failed", "mistake": ""}, "only a failed check has one"),
        ({"verdict": "failed", "mistake": 3}, "mistake is a int"),
        ({"verdict": "not-graded", "message": " "}, "points are lost for a reason"),
        ({"verdict": "failed", "message": ""}, "points are lost for a reason"),
        ({"message": None}, "message is a NoneType"),
        ({"seconds": -0.1}, "seconds is -0.1"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"name": ""}, "name is empty"),
        ({"name": "../x"}, "name is no plain name"),
    ],
)
def test_impossible_checks_are_refused(changes, words):
    with pytest.raises(RecordError, match=words):
        check(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learner": "../eve"}, "learner is no plain name"),
        ({"learner": ""}, "learner is empty"),
        ({"unit": None}, "unit is a NoneType"),
        ({"status": "done"}, "status is 'done': it has to be graded or needs-review"),
        ({"sandbox": "prayer"}, "sandbox is 'prayer'"),
        ({"seed": "7"}, "seed is '7': 16 hexadecimal digits are needed"),
        ({"seed": 7}, "seed is 7"),
        ({"submission_sha256": "A" * 64}, "submission_sha256 is"),
        ({"assignment_sha256": None}, "assignment_sha256 is None"),
        ({"signature": "x"}, "signature is 'x'"),
        ({"checks": [check(), check()]}, "soften 2 times"),
        ({"checks": [{"name": "soften"}]}, "checks holds a dict"),
        ({"checks": [check(verdict="not-graded", message="The sandbox died.")]}, "soften is not: that needs review"),
        ({"submission_sha256": None}, "graded without a submission"),
        ({"submission_sha256": None, "status": "needs-review"}, "nothing can have passed"),
        ({"repairs": "one"}, "repairs is one text"),
        ({"repairs": [1]}, "a repair is a int"),
        ({"versions": {"torch": 2}}, "the version of torch is a int"),
        ({"versions": {2: "torch"}}, "a name in versions is a int"),
        ({"versions": [("torch", "2")]}, "versions is a list"),
    ],
)
def test_impossible_records_are_refused(changes, words):
    with pytest.raises(RecordError, match=words):
        record(**changes)


def test_a_record_without_a_file_needs_review_and_can_be_kept():
    nothing = check(verdict="not-graded", message="Not graded, because the file is empty.")
    kept = sign(record(status="needs-review", submission_sha256=None, checks=[nothing]), KEY)
    assert Record.from_json(kept.to_json()) == kept
    assert kept.score == 0


def test_text_that_cannot_be_written_or_goes_on_for_ever_is_mended():
    mended = check(message="a\ud800b" + "x" * 10_000).message
    assert mended.startswith("a�bx")
    assert mended.endswith("x…")
    assert len(mended) == 4000


def without(field: str) -> dict:
    return {key: value for key, value in content().items() if key != field}


def with_check(**changes) -> dict:
    return content(checks=[{**content()["checks"][0], **changes}, content()["checks"][1]])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (content(grade=5), "unknown fields: 'grade'"),
        (with_check(bonus=5), "check 1 has unknown fields: 'bonus'"),
        (without("score"), "the record lacks score"),
        (without("signature"), "the record lacks signature"),
        (content(signature=None), "never signed"),
        (content(score=5), "score is 5: it has to be 2"),
        (content(score=2.5), "score is 2.5: it has to be 2"),
        (content(score="2"), "score is '2': it has to be 2"),
        (content(score=None), "score is None"),
        (content(max_score=2), "max_score is 2: it has to be 5"),
        (with_check(earned=1), r"checks\[0\].earned is 1: it has to be 2"),
        (with_check(earned=True, points=1), "earned is True"),
        (with_check(verdict="failed"), r"checks\[0\].earned is 2: it has to be 0"),
        (with_check(verdict="passed", points=100), r"earned is 2: it has to be 100"),
        (with_check(message="x" * 5000), r"checks\[0\].message is"),
        (with_check(seconds=0.12345), r"checks\[0\].seconds is 0.12345: it has to be 0.123"),
        (content(checks={}), "have to be lists"),
        (content(repairs=None), "have to be lists"),
        (content(checks=[3]), "check 1 is a int"),
        (content(versions=None), "versions is a NoneType"),
        (content(learner="/etc/passwd"), "learner is no plain name"),
    ],
)
def test_the_reader_refuses_in_words(changed, words):
    with pytest.raises(RecordError, match=words):
        read(changed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "holds a list"),
        (b"[" * 100_000, "not JSON"),
        (b'{"score": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"score": NaN}', "NaN is no number of JSON"),
        (b'{"score": 1, "score": 2}', "'score' stands twice"),
        (sign(record(), KEY).to_json()[:-30], "not JSON"),
    ],
)
def test_the_reader_refuses_bytes_that_are_no_record(data, words):
    with pytest.raises(RecordError, match=words):
        Record.from_json(data)


@given(st.data())
def test_a_file_changed_anywhere_is_refused_or_does_not_verify_or_says_the_same(data):
    signed = sign(record(), KEY)
    mutable = bytearray(signed.to_json())
    mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Record.from_json(bytes(mutable))
    except RecordError:
        return
    assert found.evidence() == signed.evidence() or not verify(found, KEY)


def test_a_record_is_written_whole_and_read_back(tmp_path):
    path = record_path(tmp_path / "records", "01_soft_targets", "ada")
    assert path == tmp_path / "records" / "01_soft_targets" / "ada.json"
    signed = sign(record(), KEY)
    write_record(signed, path)
    assert read_record(path) == signed
    assert [each.name for each in path.parent.iterdir()] == ["ada.json"]


def test_a_full_disk_leaves_the_old_record(tmp_path, monkeypatch):
    path = tmp_path / "ada.json"
    write_record(sign(record(), KEY), path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_record(sign(record(repairs=[]), KEY), path)
    assert read_record(path) == sign(record(), KEY)
    assert [each.name for each in tmp_path.iterdir()] == ["ada.json"]


def test_an_unsigned_record_is_not_written(tmp_path):
    with pytest.raises(RecordError, match="only a signed record is written"):
        write_record(record(), tmp_path / "ada.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_record_is_named(tmp_path):
    (tmp_path / "ada.json").write_text("{}")
    with pytest.raises(RecordError, match=r"ada\.json: the record lacks"):
        read_record(tmp_path / "ada.json")


@pytest.mark.parametrize("name", ["../ada", "a/b", "", "."])
def test_no_name_leads_out_of_the_records(tmp_path, name):
    with pytest.raises(RecordError):
        record_path(tmp_path, "01_soft_targets", name)
    with pytest.raises(RecordError):
        record_path(tmp_path, name, "ada")


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
