"""Paired comparisons: the three verdicts, and how often each is wrong."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.measure import paired_comparison
from kdtutor.measure.comparison import _verdict

BASELINE = [0.80, 0.82, 0.81, 0.83, 0.79]


def compare(differences, smallest_gain):
    return paired_comparison(
        [b + d for b, d in zip(BASELINE, differences, strict=True)], BASELINE, smallest_gain=smallest_gain
    )


def test_a_clear_difference_is_a_gain():
    result = compare([0.020, 0.022, 0.018, 0.021, 0.019], 0.005)
    assert result.verdict == "gain"
    assert result.difference == pytest.approx(0.02)
    assert result.low == pytest.approx(0.02 - 2.776 * math.sqrt(2.5e-6) / math.sqrt(5), rel=1e-4)


def test_a_clear_loss_is_no_gain():
    assert compare([-0.020, -0.022, -0.018, -0.021, -0.019], 0.005).verdict == "no gain"
    assert compare([-0.020, -0.022, -0.018, -0.021, -0.019], 0.0).verdict == "no gain"


def test_a_difference_known_to_be_too_small_to_matter_is_no_gain_even_where_it_is_surely_above_zero():
    result = compare([0.0010, 0.0011, 0.0009, 0.0010, 0.0012], 0.005)
    assert result.low > 0
    assert result.verdict == "no gain"
    assert compare([0.0010, 0.0011, 0.0009, 0.0010, 0.0012], 0.0).verdict == "gain"


def test_a_wide_interval_cannot_tell():
    assert compare([0.05, -0.04, 0.06, -0.03, 0.01], 0.005).verdict == "cannot tell"


def test_equal_results_are_no_gain():
    result = compare([0.0] * 5, 0.0)
    assert result.difference == pytest.approx(0.0)
    assert result.verdict == "no gain"


def test_pairing_removes_what_the_seeds_have_in_common():
    easy_and_hard = torch.tensor([0.1, 0.9, 0.3, 0.7, 0.5])
    gain = torch.tensor([0.010, 0.012, 0.011, 0.009, 0.010])
    assert paired_comparison(easy_and_hard + gain, easy_and_hard, smallest_gain=0.0).verdict == "gain"
    shuffled = easy_and_hard.flip(0) + gain
    assert paired_comparison(shuffled, easy_and_hard, smallest_gain=0.0).verdict == "cannot tell"


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_every_interval_has_exactly_the_verdict_of_the_definition(low, width, smallest_gain):
    high = low + width
    worth_having_ruled_out = high < smallest_gain or high <= 0
    verdict = _verdict(low, high, smallest_gain)
    assert (verdict == "no gain") == worth_having_ruled_out
    assert (verdict == "gain") == (low > 0 and high >= smallest_gain)
    assert (verdict == "cannot tell") == (low <= 0 < high and high >= smallest_gain)


def verdicts(true_difference, noise, smallest_gain, runs=10, repeats=800):
    differences = true_difference + noise * torch.randn(repeats, runs, dtype=torch.float64)
    counts = {"gain": 0, "no gain": 0, "cannot tell": 0}
    for row in differences:
        counts[paired_comparison(row, torch.zeros(runs), smallest_gain=smallest_gain).verdict] += 1
    return {verdict: count / repeats for verdict, count in counts.items()}


def test_without_any_difference_a_gain_is_claimed_in_one_of_forty_runs_at_most():
    assert verdicts(0.0, 1.0, 0.0)["gain"] < 0.045
    assert verdicts(0.0, 1.0, 1.0)["gain"] < 0.045


def test_a_gain_worth_having_is_denied_in_one_of_forty_runs_at_most():
    assert verdicts(0.5, 1.0, 0.5)["no gain"] < 0.045


def test_a_large_gain_is_found_and_a_small_spread_settles_the_matter():
    assert verdicts(2.0, 1.0, 0.5)["gain"] > 0.95
    assert verdicts(0.0, 0.1, 0.5)["no gain"] > 0.95


def test_the_result_reads_as_one_sentence():
    text = str(compare([0.020, 0.022, 0.018, 0.021, 0.019], 0.005))
    assert text == (
        "gain: the mean difference over 5 paired seeds is +0.02, 95% interval +0.01804 to +0.02196, "
        "and a gain is worth having from 0.005"
    )
    assert ", 99.6% interval" in str(paired_comparison([1.0, 2.0], [0.0, 0.5], smallest_gain=0.1, confidence=0.996))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: paired_comparison([1.0, 2.0], [1.0], smallest_gain=0.0), "method has 2 runs, baseline 1"),
        (lambda: paired_comparison([1.0], [1.0], smallest_gain=0.0), "at least two paired seeds"),
        (lambda: paired_comparison([1.0, math.inf], [1.0, 2.0], smallest_gain=0.0), "method holds 1"),
        (lambda: paired_comparison([1.0, 2.0], [1.0, math.nan], smallest_gain=0.0), "baseline holds 1"),
        (lambda: paired_comparison([1.0, 2.0], [1.0, 2.0], smallest_gain=-0.1), "smallest_gain is -0.1"),
        (lambda: paired_comparison([1.0, 2.0], [1.0, 2.0], smallest_gain=math.nan), "smallest_gain is nan"),
        (lambda: paired_comparison([1.0, 2.0], [1.0, 2.0], smallest_gain=0.0, confidence=2.0), "confidence is 2.0"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
