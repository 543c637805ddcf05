"""Schedules against their recurrences and boundary values."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from kdtutor.prune import cubic_sparsity, iterative_sparsity, one_shot_sparsity, rate_per_round

fractions = st.floats(0.0, 1.0)


@given(st.integers(1, 50), fractions, fractions)
def test_cubic_sparsity_starts_and_ends_where_it_should_and_never_turns_back(total, one, other):
    initial, final = sorted((one, other))
    values = [cubic_sparsity(step, total, final, initial) for step in range(total + 3)]
    assert values[0] == pytest.approx(initial, abs=1e-12)
    assert values[total:] == [final] * 3
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(values))


def test_cubic_sparsity_has_the_published_shape():
    # Half-way, 7/8 of the way to the final sparsity is behind: 1 − (1/2)³.
    assert cubic_sparsity(50, 100, 0.8) == pytest.approx(0.8 * 7 / 8)
    assert cubic_sparsity(25, 100, 0.9, 0.1) == pytest.approx(0.9 - 0.8 * 27 / 64)
    assert cubic_sparsity(0, 1, 0.5) == 0


@given(st.integers(0, 30), fractions, fractions)
def test_iterative_sparsity_removes_its_rate_of_what_each_round_leaves(rounds, rate, initial):
    left = 1 - initial
    for _ in range(rounds):
        left -= rate * left
    assert iterative_sparsity(rounds, rate, initial) == pytest.approx(1 - left, abs=1e-9)


@given(st.integers(1, 30), fractions, fractions)
def test_rate_per_round_reaches_the_final_sparsity(rounds, one, other):
    initial, final = sorted((one, other))
    rate = rate_per_round(rounds, final, initial)
    assert 0 <= rate <= 1
    assert iterative_sparsity(rounds, rate, initial) == pytest.approx(final, abs=1e-9)


def test_one_round_s_rate_is_the_amount_torch_needs_to_reach_a_sparsity_of_the_whole():
    layer = nn.Linear(20, 20)
    torch_prune.l1_unstructured(layer, "weight", amount=0.5)
    torch_prune.l1_unstructured(layer, "weight", amount=rate_per_round(1, 0.8, 0.5))
    assert int((layer.weight_mask == 0).sum()) == 320


def test_two_rounds_of_a_half_leave_a_quarter():
    assert iterative_sparsity(2, 0.5) == 0.75


def test_one_shot_waits_and_then_does_all_at_once():
    assert [one_shot_sparsity(step, 2, 0.7) for step in range(4)] == [0.0, 0.0, 0.7, 0.7]


REFUSED = [
    (lambda: cubic_sparsity(-1, 10, 0.5), ValueError, "step is -1"),
    (lambda: cubic_sparsity(0.5, 10, 0.5), TypeError, "step is a float"),
    (lambda: cubic_sparsity(0, 0, 0.5), ValueError, "total_steps is 0"),
    (lambda: cubic_sparsity(0, 10, 90), ValueError, r"final is 90: .* \(for 90 % write 0.9\)"),
    (lambda: cubic_sparsity(0, 10, 0.5, -0.5), ValueError, "initial is -0.5"),
    (lambda: one_shot_sparsity(0, -1, 0.5), ValueError, "at is -1"),
    (lambda: iterative_sparsity(-1, 0.5), ValueError, "rounds is -1"),
    (lambda: iterative_sparsity(1, 2.0), ValueError, "rate is 2.0"),
    (lambda: rate_per_round(0, 0.5), ValueError, "rounds is 0"),
    (lambda: rate_per_round(1, 0.2, 0.5), ValueError, "final is 0.2, initial 0.5: pruning only removes"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
