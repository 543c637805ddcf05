"""Intervals: against their defining equations, tables and simulated coverage."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.measure import accuracy_interval, mean_interval


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_s_ends_are_the_fractions_that_the_normal_test_just_accepts(counts):
    correct, total = counts
    interval = accuracy_interval(correct, total)
    p = correct / total
    assert 0 <= interval.low <= p <= interval.high <= 1
    for end in (interval.low, interval.high):
        if 0 < end < 1:
            assert abs(p - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / total), rel=1e-4, abs=1e-9)


def test_all_right_still_leaves_doubt_and_nothing_right_some_hope():
    assert accuracy_interval(10, 10).low == pytest.approx(10 / (10 + 1.959964**2), rel=1e-5)
    assert accuracy_interval(10, 10).high == 1.0
    assert accuracy_interval(0, 10).high == pytest.approx(1.959964**2 / (10 + 1.959964**2), rel=1e-5)


def test_wilson_s_interval_covers_the_truth_as_often_as_it_says():
    truth, n = 0.9, 100
    right = torch.distributions.Binomial(n, truth).sample((2000,)).int().tolist()
    intervals = {k: accuracy_interval(k, n) for k in set(right)}
    covered = sum(intervals[k].low <= truth <= intervals[k].high for k in right) / len(right)
    assert 0.92 < covered < 0.98


def test_more_samples_and_less_confidence_narrow_the_interval():
    def width(*arguments):
        interval = accuracy_interval(*arguments)
        return interval.high - interval.low

    assert width(90, 100) > width(900, 1000) > width(900, 1000, 0.5)


def test_student_s_interval_uses_the_quantiles_of_his_table():
    # two-sided 95 %: 12.7062 for 1 degree of freedom, 4.30265 for 2, 2.26216 for 9
    assert mean_interval([0.0, 1.0]).high - 0.5 == pytest.approx(12.7062 * math.sqrt(0.5) / math.sqrt(2), rel=1e-4)
    assert mean_interval([1.0, 2.0, 3.0]).low == pytest.approx(2 - 4.30265 / math.sqrt(3), rel=1e-4)
    ten = list(range(10))
    assert mean_interval(ten).high == pytest.approx(4.5 + 2.26216 * math.sqrt(55 / 6) / math.sqrt(10), rel=1e-4)


def test_student_s_interval_covers_the_truth_as_often_as_it_says_with_five_runs():
    runs = torch.randn(2000, 5, dtype=torch.float64) * 3 + 7
    for confidence in (0.8, 0.95):
        intervals = [mean_interval(row, confidence) for row in runs]
        covered = sum(i.low <= 7 <= i.high for i in intervals) / len(intervals)
        assert covered == pytest.approx(confidence, abs=0.025)


def test_equal_runs_have_an_interval_of_no_width():
    interval = mean_interval([0.5, 0.5, 0.5])
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.5, 0.5, 0.5, 3)


def test_tensors_lists_and_numbers_of_other_types_are_the_same_runs():
    assert mean_interval(torch.tensor([1.0, 2.0])) == mean_interval([1, 2]) == mean_interval((1.0, 2.0))


def test_an_interval_reads_as_a_line():
    assert str(accuracy_interval(850, 1000)) == "0.85 (95% interval 0.8265 to 0.8708, n = 1000)"
    assert "(99.6% interval" in str(accuracy_interval(850, 1000, confidence=0.996))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: accuracy_interval(0, 0), "total is 0"),
        (lambda: accuracy_interval(11, 10), "correct is 11 of 10"),
        (lambda: accuracy_interval(-1, 10), "correct is -1"),
        (lambda: accuracy_interval(1, 10, 1.0), "confidence is 1.0"),
        (lambda: mean_interval([1.0]), "one run says nothing"),
        (lambda: mean_interval([1.0, math.nan]), "1 value.s. that are not finite"),
        (lambda: mean_interval(torch.rand(2, 2)), r"values has shape \(2, 2\)"),
        (lambda: mean_interval([1.0, 2.0], 0.0), "confidence is 0.0"),
    ],
)
def test_what_has_no_interval_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
