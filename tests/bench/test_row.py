"""A row says what its figures say, and refuses to be one without figures."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.bench import Condition, Row, Spread

positive = st.floats(1e-6, 1e6)


def row(ratio: float = 0.5, **changes: object) -> Row:
    fields = {"unit": "ms", "ours": ratio, "rival": 1.0, "ratio": Spread(ratio, ratio, ratio, 9), "target": 0.4}
    return Row("losses", "a loss", "ours", "theirs", **(fields | changes))  # type: ignore[arg-type]


@given(ratio=positive, target=positive)
def test_a_target_is_reached_exactly_where_the_median_ratio_is_no_larger(ratio: float, target: float) -> None:
    assert row(ratio, target=target).verdict == ("reached" if ratio <= target else "missed")


def test_without_a_target_a_row_is_only_reported_however_fast_it_is() -> None:
    assert row(1e-6, target=None).verdict == "reported"


def test_a_broken_condition_is_a_miss_however_good_the_ratio() -> None:
    lost = Condition("points of accuracy lost", 0.31, 0.3)
    assert row(0.1).verdict == "reached"
    assert row(0.1, condition=lost).verdict == "missed"
    assert row(0.1, condition=replace(lost, value=0.3)).verdict == "reached"
    assert row(0.1, condition=replace(lost, value=math.nan)).verdict == "missed"


def test_a_rehearsal_never_claims_anything() -> None:
    assert {row(ratio, rehearsal=True).verdict for ratio in (0.1, 10.0)} == {"rehearsed"}


@pytest.mark.parametrize("outcome", ["failed", "not available", "not installed"])
def test_what_was_not_measured_says_so(outcome: str) -> None:
    nothing = {"ours": None, "rival": None, "ratio": None}
    assert row(outcome=outcome, reason="it broke", **nothing).verdict == outcome


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0, None])
@pytest.mark.parametrize("field", ["ours", "rival", "limit"])
def test_a_figure_that_is_none_is_refused_by_name(field: str, bad: float | None) -> None:
    if field == "limit" and bad is None:
        assert row(limit=None).share_of_limit is None
        return
    with pytest.raises(ValueError, match=f"a loss: {field} is {bad}, a positive, finite figure is needed"):
        row(**{field: bad})


def test_a_ratio_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio is nan"):
        replace(row(), ratio=Spread(math.nan, 0.1, 0.2, 7))


def test_the_share_of_the_limit_is_the_limit_over_ours() -> None:
    assert row(ours=4.0, limit=3.0).share_of_limit == 0.75


@given(st.lists(positive, min_size=1, max_size=30))
def test_a_spread_is_ordered_and_lies_within_its_values(values: list[float]) -> None:
    spread = Spread.of(values)
    assert min(values) <= spread.low <= spread.median <= spread.high <= max(values)
    assert spread.n == len(values)
