"""What is timed is what the calls took, and a slow `ours` cannot hide."""

from collections import Counter
from dataclasses import replace
from functools import partial
from time import sleep

import pytest
import torch

from kdtutor.bench import Case, Measurement, Setting
from kdtutor.bench.agreement import require_agreement
from kdtutor.bench.pairs import WARMUP, compare_times
from kdtutor.bench.suite import measure


def test_times_and_ratio_are_those_of_the_calls(setting: Setting) -> None:
    found = compare_times(setting, lambda: sleep(0.008), lambda: sleep(0.002))
    assert found.unit == "ms"
    assert 8 <= found.ours < 100
    assert 2 <= found.rival < 100
    assert 1.2 < found.ratio.median < 6
    assert found.ratio.low <= found.ratio.median <= found.ratio.high


def test_a_call_of_several_steps_is_divided_by_them_and_its_ratio_is_not(setting: Setting) -> None:
    found = compare_times(setting, lambda: sleep(0.008), lambda: sleep(0.008), steps=4, least=0.001)
    assert 2 <= found.ours < 8
    assert 0.3 < found.ratio.median < 3
    assert found.limit == pytest.approx(1.0)


def test_short_calls_are_timed_in_blocks_of_as_many_on_both_sides(setting: Setting) -> None:
    called = Counter[str]()

    def nap(name: str) -> None:
        called[name] += 1
        sleep(0.0005)

    found = compare_times(setting, partial(nap, "ours"), partial(nap, "rival"), warmup=2)
    assert 0.5 <= found.ours < 20
    assert 0.5 <= found.rival < 20
    assert called["ours"] - WARMUP == called["rival"]
    assert called["rival"] >= 2 * (found.ratio.n + 2)


def slow(setting: Setting) -> Measurement:
    return compare_times(replace(setting, rehearsal=True), lambda: sleep(0.006), lambda: sleep(0.001))


def fast(setting: Setting) -> Measurement:
    return compare_times(replace(setting, rehearsal=True), lambda: sleep(0.001), lambda: sleep(0.03))


def test_a_slow_ours_is_a_miss_and_a_fast_one_is_not(setting: Setting) -> None:
    serious = replace(setting, rehearsal=False)
    targets = {"cpu": 0.5}
    assert measure(Case("s", "slow", "ours", "rival", slow, targets), serious).verdict == "missed"
    assert measure(Case("s", "fast", "ours", "rival", fast, targets), serious).verdict == "reached"
    assert measure(Case("s", "fast", "ours", "rival", fast), serious).verdict == "reported"
    assert measure(Case("s", "fast", "ours", "rival", fast, {"cuda": 0.5}), serious).verdict == "reported"


def test_results_that_differ_are_not_compared() -> None:
    right = torch.tensor([1.0, -4.0])
    require_agreement(right + 0.03, right, 0.01, "the answer")
    with pytest.raises(ArithmeticError, match=r"the answer differs from the rival's by 0\.05 where values reach 4"):
        require_agreement(right + 0.05, right, 0.01, "the answer")
    with pytest.raises(ArithmeticError, match="nan"):
        require_agreement(right * torch.nan, right, 0.01, "the answer")
