"""The oracle forms every norm and every row in plain Python floats."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.prune import keep_highest_in_rows, magnitude_mask, wanda_mask


def rows_by_sorting(scores: list[list[float]], sparsity: float) -> list[list[bool]]:
    total = round(sparsity * sum(len(row) for row in scores))
    kept = []
    for index, row in enumerate(scores):
        count = total // len(scores) + (index < total % len(scores))
        removed = sorted(range(len(row)), key=lambda i: (row[i], i))[:count]
        kept.append([i not in removed for i in range(len(row))])
    return kept


def layer(outputs: int, inputs: int, samples: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randint(-3, 4, shape, generator=generator) for shape in ((outputs, inputs), (samples, inputs))]
    return draw[0].double(), draw[1].double()


layers = st.builds(layer, st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6))


@given(layers, st.floats(0.0, 1.0))
def test_wanda_mask_ranks_weight_times_input_norm_within_each_row(pair, sparsity):
    weight, inputs = pair
    norms = [math.sqrt(sum(x * x for x in column)) for column in inputs.T.tolist()]
    scores = [[abs(w) * norm for w, norm in zip(row, norms, strict=True)] for row in weight.tolist()]
    # Products that are equal on paper may differ in the last bit: let both sides see the same rounding.
    rounded = [[round(score, 9) for score in row] for row in scores]
    mask = wanda_mask(weight, inputs, sparsity)
    assert int((~mask).sum()) == round(sparsity * weight.numel())
    for row, kept, expected in zip(rounded, mask.tolist(), rows_by_sorting(rounded, sparsity), strict=True):
        assert sum(kept) == sum(expected)
        removed = [score for score, k in zip(row, kept, strict=True) if not k]
        assert sorted(removed) == sorted(score for score, k in zip(row, expected, strict=True) if not k)


@given(layers, st.floats(0.0, 1.0))
def test_rows_lose_equally_many_and_the_first_rows_what_does_not_divide(pair, sparsity):
    scores, _ = pair
    assert keep_highest_in_rows(scores, sparsity).tolist() == rows_by_sorting(scores.tolist(), sparsity)


def test_large_inputs_rescue_small_weights_from_wanda_but_not_from_magnitude():
    weight = torch.tensor([[0.1, 1.0], [0.2, 2.0]])
    inputs = torch.tensor([[[100.0, 0.1]], [[-100.0, 0.1]]])
    assert wanda_mask(weight, inputs, 0.5).tolist() == [[True, False], [True, False]]
    assert magnitude_mask(weight, 0.5).tolist() == [[False, True], [False, True]]


def test_equal_inputs_make_wanda_magnitude_within_rows():
    weight = torch.randn(6, 10, dtype=torch.float64)
    expected = torch.stack([magnitude_mask(row, 0.3) for row in weight])
    assert torch.equal(wanda_mask(weight, torch.ones(4, 10, dtype=torch.float64), 0.3), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_wanda_mask_follows_device_and_stays_finite_where_half_precision_squares_overflow(dtype, device):
    weight = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], dtype=dtype, device=device)
    inputs = torch.tensor([[1e4, 1e4, 1.0], [1e4, 0.0, 1.0]], dtype=dtype, device=device)
    mask = wanda_mask(weight.requires_grad_(), inputs, 1 / 3)
    assert mask.device.type == device.type
    assert mask.tolist() == [[True, True, False], [True, True, False]]


two_by_three = torch.ones(2, 3)
REFUSED = [
    (
        lambda: wanda_mask(two_by_three, torch.ones(5, 2), 0.5),
        ValueError,
        r"inputs has shape \(5, 2\), weight \(2, 3\)",
    ),
    (lambda: wanda_mask(torch.ones(3), torch.ones(5, 3), 0.5), ValueError, r"weight needs \(out, in\)"),
    (lambda: wanda_mask(two_by_three, two_by_three.long(), 0.5), TypeError, "inputs has dtype int64"),
    (lambda: wanda_mask(two_by_three, two_by_three * torch.inf * 0, 0.5), ValueError, "inputs holds NaN"),
    (lambda: wanda_mask(two_by_three, two_by_three, 2), ValueError, "sparsity is 2"),
    (lambda: keep_highest_in_rows(two_by_three, -1), ValueError, "sparsity is -1"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
