"""The record: nothing impossible can be in one, it is read strictly, and its signature holds."""

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading.records.record import (
    TIERS,
    VERDICTS,
    Check,
    Record,
    RecordError,
    fingerprint,
    sign,
    verify,
)
from tests.grading.sample_record import KEY, OTHER_KEY, check, content, record


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
