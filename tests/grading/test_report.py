"""The class's page: the numbers are right, honest where the class is small, and nothing on the page acts."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading import places
from kdtutor.grading.pages.inert_text import inert
from kdtutor.grading.pages.item_statistics import FEWEST, discrimination, items
from kdtutor.grading.pages.misconceptions import misconceptions
from kdtutor.grading.pages.report import report
from kdtutor.grading.pages.report_page import write_report
from kdtutor.grading.records.record import Check, record_path
from tests.grading.course_folder import course_in, keep
from tests.grading.pages import HOSTILE, KEY, UNIT, assert_inert, record

POINTS = {"soften": 2, "entropy": 2, "kd_loss": 3}


def learner(name, *verdicts, **changes):
    """A record with one check an exercise: "passed", a verdict, or the name of a known mistake."""
    checks = []
    for (exercise, points), verdict in zip(POINTS.items(), verdicts, strict=True):
        if verdict in ("passed", "failed", "error", "timeout", "not-attempted", "not-graded"):
            checks.append(Check(exercise, points, verdict, None, "" if verdict == "passed" else "why", 0.5))
        else:
            checks.append(Check(exercise, points, "failed", verdict, "why", 0.25))
    return record(name, checks, **changes)


def shown(*records, **settings):
    return assert_inert(report(records, title="Soft targets", unit=UNIT, **settings))


def a_class(n):
    """n learners, of whom the k-th passes more with growing k, none of it in a straight line."""
    kinds = (("failed", "mean over classes", "no T²"), ("passed", "failed", "no T²"), ("passed", "passed", "error"))
    kinds += (("passed", "not-attempted", "passed"), ("passed", "passed", "passed"))
    return [learner(f"learner-{k:03}", *kinds[(k * k) % 5]) for k in range(n)]


def test_learners_and_exercises_are_a_table_with_each_verdict_in_words():
    found = shown(learner("ada", "passed", "mean over classes", "timeout"), learner("bob", "error", "failed", "passed"))
    for words in ("Not yet (mean over classes)", "Ran out of time", "Raised an error", "2 of 7", "3 of 7"):
        assert words in found.text
    for name in ("ada", "bob", *POINTS):
        assert name in "".join(found.of("th"))
    scopes = [attributes.get("scope") for tag, attributes in found.elements if tag == "th"]
    assert set(scopes) == {"row", "col"}
    assert found.tags.count("caption") == found.tags.count("table")


def test_misconceptions_are_counted_among_those_who_tried():
    records = [
        learner("ada", "passed", "mean over classes", "no T²"),
        learner("bob", "passed", "passed", "no T²"),
        learner("eve", "passed", "not-attempted", "error"),
        learner("joe", "passed", "not-graded", "not-graded"),
    ]
    found = [(each.exercise, each.mistake, each.learners, each.attempts) for each in misconceptions(records)]
    assert found == [("kd_loss", "no T²", ("ada", "bob"), 3), ("entropy", "mean over classes", ("ada",), 2)]
    text = shown(*records).text
    assert "2 of 3" in text
    assert text.index("no T²") < text.index("mean over classes")


def test_a_class_without_a_known_mistake_is_told_so():
    assert "No known mistake was made" in shown(learner("ada", "passed", "failed", "error")).text


def test_difficulty_is_the_mean_share_of_points_and_leaves_out_what_was_not_graded():
    records = [
        learner("ada", "passed", "failed", "passed"),
        learner("bob", "passed", "not-attempted", "not-graded"),
        learner("eve", "error", "passed", "failed"),
    ]
    by_name = {item.name: item for item in items(records)}
    assert by_name["soften"].difficulty == pytest.approx(2 / 3)
    assert by_name["entropy"].difficulty == pytest.approx(1 / 3)
    assert by_name["kd_loss"].difficulty == pytest.approx(1 / 2)
    assert [by_name[name].n for name in POINTS] == [3, 3, 2]
    assert by_name["entropy"].attempts == 2
    assert by_name["soften"].seconds == 0.5


def test_discrimination_is_numpy_s_correlation_with_the_rest_of_the_points():
    records = a_class(37)
    for place, item in enumerate(items(records)):
        earned = np.array([entry.checks[place].earned for entry in records])
        rest = np.array([sum(c.earned for i, c in enumerate(entry.checks) if i != place) for entry in records])
        r = np.corrcoef(earned, rest)[0, 1]
        assert item.discrimination.r == pytest.approx(r, abs=1e-12)
        z, width = 0.5 * math.log((1 + r) / (1 - r)), statistics.NormalDist().inv_cdf(0.975) / math.sqrt(37 - 3)
        ends = [(math.exp(2 * (z + s)) - 1) / (math.exp(2 * (z + s)) + 1) for s in (-width, width)]
        assert [item.discrimination.low, item.discrimination.high] == pytest.approx(ends, abs=1e-5)


@given(st.lists(st.tuples(st.sampled_from([0.0, 2.0]), st.integers(0, 10)), min_size=FEWEST, max_size=40))
def test_discrimination_stays_in_its_bounds_and_asks_for_no_order(pairs):
    earned, rest = [one for one, _ in pairs], [float(other) for _, other in pairs]
    found = discrimination(earned, rest)
    assert found.n == len(pairs)
    if found.r is None:
        assert len(set(earned)) == 1 or len(set(rest)) == 1
        return
    assert -1 <= found.low <= found.r <= found.high <= 1
    again = discrimination(earned[::-1], rest[::-1])
    assert again.r == pytest.approx(found.r, abs=1e-9)
    turned = discrimination(earned, [-value for value in rest])
    assert turned.r == pytest.approx(-found.r, abs=1e-9)


def test_a_small_class_gets_no_discrimination_and_a_middling_one_a_warning():
    assert "too few learners (n = 9)" in shown(*a_class(9)).text
    assert "≈ " in shown(*a_class(12)).text
    big = shown(*a_class(40)).text
    assert "n = 40" in big
    assert "≈ " not in big.split("How to read this")[0]
    assert "corrected item–total correlation" in big
    assert "point-biserial" in big


def test_where_everybody_earned_the_same_there_is_no_correlation_to_show():
    records = [learner(f"l{k}", "passed", "passed" if k % 2 else "failed", "passed") for k in range(12)]
    assert "all earned the same (n = 12)" in shown(*records).text
    assert "all earned the same on the rest (n = 12)" in shown(*records).text


def test_who_needs_review_and_why():
    unread = "The file is empty."
    nothing = [Check(name, points, "not-graded", None, unread) for name, points in POINTS.items()]
    found = shown(
        learner("ada", "passed", "passed", "passed"),
        learner("bob", "passed", "passed", "not-graded"),
        record("eve", nothing, submission_sha256=None),
        learner("old", "passed", "passed", "passed", assignment_sha256="c" * 64),
        refused={"mallory": "mallory.json: its signature is not this course's"},
    )
    review = found.text.split("Who needs review")[1].split("Misconceptions")[0]
    for words in ("Not graded: kd_loss.", unread, "another version of the unit", "signature is not this course's"):
        assert words in review
    for name in ("bob", "eve", "old", "mallory"):
        assert name in review
    assert "ada" not in review
    assert "5learners1graded4need review" in found.text


def test_records_of_another_version_count_in_no_number():
    same = [learner(f"l{k}", "passed", "failed", "failed") for k in range(3)]
    other = learner("old", "passed", "passed", "passed", assignment_sha256="c" * 64)
    assert "mean of 7 points" in shown(*same).text
    assert shown(*same, other).text.count("2mean of 7 points") == 1


def test_grading_without_a_sandbox_and_by_several_versions_is_said():
    text = shown(
        learner("ada", "passed", "passed", "passed", sandbox="none", versions={"kdtutor": "1"}),
        learner("bob", "passed", "passed", "passed", versions={"kdtutor": "2"}, repairs=["x"]),
    ).text
    assert "1 submission ran without a sandbox" in text
    assert "2 different versions" in text
    assert "1 notebook had to be put right" in text


def test_an_anonymous_page_names_nobody_and_quotes_nobody():
    names = ["AdaQ", "BobQ", "EveQ", "MalloryQ", "ZoeQ"]
    records = [learner(name, "passed", "mean over classes", "passed") for name in names[:3]]
    why = [Check(name, 1, "not-graded", None, "AdaQ and ZoeQ: two files (ZoeQ/x.ipynb)") for name in POINTS]
    records += [record("ZoeQ", why), learner("MalloryQ", "passed", "passed", "not-graded")]
    page = report(records, title="Soft targets", unit=UNIT, key=KEY, refused={"QuentinQ": "QuentinQ.json: no"})
    text = assert_inert(page).text
    for name in (*names, "QuentinQ"):
        assert name not in page
    assert [f"Learner {k}" in text for k in range(1, 8)] == [True] * 6 + [False]
    assert page == report(records[::-1], title="Soft targets", unit=UNIT, key=KEY, refused={"QuentinQ": "no"})


def test_numbers_follow_the_key_and_not_the_alphabet():
    records = [learner(f"l{k}", *(["passed"] * k + ["failed"] * (3 - k))) for k in range(4)]

    def scores(key):
        found = assert_inert(report(records, title="t", unit=UNIT, key=key))
        return [text for text in found.of("td") if text.endswith(" of 7")]

    assert sorted(scores(KEY)) == sorted(scores(bytes(32)))
    orders = {tuple(scores(bytes([k] * 32))) for k in range(8)}
    assert len(orders) > 3


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text):
    checks = [
        Check("soften", 2, "failed", text, text),
        Check("entropy", 2, "not-graded", None, text),
    ]
    records = [record("ada", checks, repairs=[text], versions={"kdtutor": text})]
    found = assert_inert(report(records, title=text, unit=UNIT, refused={text[:50] or "x": text}))
    assert found.text.count(inert(checks[0].mistake)) >= 3  # misconception, cell of the table, review
    assert inert(text) in found.of("h1")


def test_no_record_at_all_is_a_page_that_says_so():
    assert "0learners" in shown().text
    assert "Nobody" in shown().text


def test_the_page_lies_beside_the_records_and_holds_only_believed_ones(tmp_path):
    course = course_in(tmp_path / "course", solved=False)
    keep(course, *(learner(name, "passed", "passed", "failed") for name in ("ada", "bob", "eve")))
    path = record_path(places.records_folder(course), UNIT, "eve")
    path.write_bytes(path.read_bytes().replace(b'"verdict":"failed"', b'"verdict":"error"'))
    written = write_report(course, UNIT)
    assert written == course.root / "grading" / "reports" / f"{UNIT}.html"
    text = assert_inert(written.read_text(encoding="utf-8")).text
    assert "2graded" in text
    assert "eve.json: its signature is not this course's" in text
    hidden = write_report(course, UNIT, anonymous=True)
    assert hidden.name == f"{UNIT}-anonymous.html"
    assert "ada" not in hidden.read_text(encoding="utf-8")
    assert write_report(course, UNIT, out=tmp_path / "here.html") == tmp_path / "here.html"
    assert "Soft targets" in (tmp_path / "here.html").read_text(encoding="utf-8")
