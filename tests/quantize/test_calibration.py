"""Ranges against numpy's percentiles, an exhaustive search, and a divergence formed bin by bin."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import (
    RangeObserver,
    affine_parameters,
    calibrate,
    dequantize_affine,
    entropy_range,
    error_range,
    minmax_range,
    percentile_range,
    quantize_affine,
    quantize_symmetric,
    symmetric_scale,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def squared_error(x: torch.Tensor, low: float, high: float, bits: int) -> float:
    scale, zero_point = affine_parameters(low, high, bits)
    return (dequantize_affine(quantize_affine(x, scale, zero_point, bits), scale, zero_point) - x).square().sum().item()


@pytest.mark.parametrize("method", ["minmax", "percentile", "error", "entropy"])
@given(seed=st.integers(0, 10**6), shift=st.floats(-5, 5), bits=st.integers(2, 8))
def test_every_method_gives_a_range_around_zero_inside_the_extremes(method, seed, shift, bits):
    x = normal(200, seed=seed) + shift
    low, high = calibrate(x, method, bits)
    assert min(x.min().item(), 0) <= low.item() <= 0 <= high.item() <= max(x.max().item(), 0)
    assert low < high
    assert low.dtype == x.dtype


@given(st.integers(0, 10**6), st.floats(50.5, 100), st.integers(1, 50))
def test_percentiles_agree_with_numpy(seed, percentile, count):
    x = normal(count, seed=seed)
    low, high = percentile_range(x, percentile)
    expected = np.percentile(x.double().numpy(), [100 - percentile, percentile])
    torch.testing.assert_close(low.item(), min(expected[0], 0.0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(high.item(), max(expected[1], 0.0), rtol=1e-4, atol=1e-5)


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_the_error_method_finds_the_best_of_its_candidates(seed, bits):
    x = normal(100, seed=seed) ** 3
    low, high = error_range(x, bits, candidates=20)
    extremes = [end.item() for end in minmax_range(x)]
    errors = [squared_error(x, extremes[0] * i / 20, extremes[1] * i / 20, bits) for i in range(1, 21)]
    assert squared_error(x, low.item(), high.item(), bits) == pytest.approx(min(errors), rel=1e-4)


def test_the_symmetric_search_finds_the_best_of_its_candidates():
    x = normal(1000) ** 3
    _, high = error_range(x, 4, symmetric=True)

    def error(bound):
        scale = symmetric_scale(bound, 4)
        return (dequantize_affine(quantize_symmetric(x, scale, 4), scale, 0) - x).square().sum()

    bound = x.abs().max()
    best = min(error(bound * i / 100) for i in range(1, 101))
    assert error(high).item() == pytest.approx(best.item(), rel=1e-4)
    assert best < 0.9 * error(bound)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_range_a_slice_equals_the_slice_s_own_range(axis, device):
    x = (normal(3, 4, 50) * torch.tensor([1.0, 10, 100]).view(3, 1, 1)).to(device)
    for method in (minmax_range, lambda v, a=None: percentile_range(v, 95, a), lambda v, a=None: error_range(v, 4, a)):
        low, high = method(x, axis)
        assert low.shape == torch.Size([n if i == axis % 3 else 1 for i, n in enumerate(x.shape)])
        for i in range(x.shape[axis]):
            alone = method(x.select(axis, i))
            torch.testing.assert_close(low.select(axis, i).flatten()[0], alone[0])
            torch.testing.assert_close(high.select(axis, i).flatten()[0], alone[1])


def test_one_outlier_widens_the_extremes_and_hardly_moves_the_others(device):
    x = normal(10000)
    spoiled = torch.cat([x, torch.tensor([1000.0])]).to(device)
    assert minmax_range(spoiled)[1] == 1000
    assert calibrate(spoiled, "percentile")[1] < 5
    assert calibrate(spoiled, "entropy")[1] < 100
    spoiled[-1] = 20.0
    assert calibrate(spoiled, "error", 4)[1] < 10


def divergence_by_hand(values: list[float], size: int, bins: int, levels: int) -> float:
    """KL between the clipped histogram and its merged version, with lists and loops."""
    largest = max(values)
    histogram = [0] * bins
    for value in values:
        histogram[min(bins - 1, int(value / largest * bins))] += 1
    p = [float(n) for n in histogram[:size]]
    p[-1] += sum(histogram[size:])
    q = [0.0] * size
    for level in range(levels):
        members = [i for i in range(size) if i * levels // size == level]
        filled = [i for i in members if p[i] > 0]
        for i in filled:
            q[i] = sum(histogram[j] for j in members) / len(filled)
    total_p, total_q = sum(p), sum(q)
    result = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 0:
            result += a / total_p * math.log((a / total_p) / ((1 - 1e-4) * b / total_q + 1e-4 / size))
    return result


def test_the_entropy_method_finds_the_smallest_divergence_of_all_thresholds():
    x = normal(3000).double().abs() ** 2
    bins, levels = 64, 16
    low, high = entropy_range(x, 4, bins=bins)
    sizes = range(bins, levels - 1, -1)
    divergences = [divergence_by_hand(x.tolist(), size, bins, levels) for size in sizes]
    best = sizes[divergences.index(min(divergences))]
    assert low.item() == 0
    assert high.item() == pytest.approx(x.max().item() * best / bins)
    assert best < bins


def test_zeros_do_not_move_the_entropy_range():
    x = normal(2000).relu()
    assert entropy_range(x) == entropy_range(torch.cat([x, torch.zeros(5000)]))
    assert entropy_range(torch.zeros(5)) == (0, 0)


@pytest.mark.parametrize("method", ["minmax", "percentile", "error", "entropy"])
def test_batches_observed_one_by_one_give_the_range_of_all_together(method, device):
    x = normal(1000).to(device)
    observer = RangeObserver(method, 4)
    for batch in x.split(300):
        observer.observe(batch)
    for ours, theirs in zip(observer.range(), calibrate(x, method, 4), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_sample_is_bounded_uniform_over_the_stream_and_repeatable():
    stream = torch.arange(100_000, dtype=torch.float32)
    ranges = []
    for _ in range(2):
        observer = RangeObserver("percentile", capacity=5000)
        for batch in stream.split(999):
            observer.observe(batch)
            assert len(observer._sample) <= 5000
        ranges.append(observer.range())
    assert ranges[0] == ranges[1]
    kept = observer._sample
    assert kept.mean().item() == pytest.approx(50_000, rel=0.03)
    assert kept.std().item() == pytest.approx(100_000 / math.sqrt(12), rel=0.03)
    assert len(kept.unique()) == 5000


def test_an_observer_that_saw_nothing_refuses_instead_of_answering_with_scale_one():
    with pytest.raises(RuntimeError, match="has seen no batch"):
        RangeObserver().range()


REFUSED = [
    (lambda: calibrate(torch.ones(3), "mean"), ValueError, "method is 'mean'"),
    (lambda: RangeObserver("mean"), ValueError, "method is 'mean'"),
    (lambda: minmax_range(torch.tensor([1, 2])), TypeError, "x has dtype int64"),
    (lambda: minmax_range(torch.zeros(0, 3)), ValueError, r"x has shape \(0, 3\): at least one value"),
    (lambda: minmax_range(torch.tensor([torch.nan])), ValueError, "x holds NaN"),
    (lambda: minmax_range(torch.tensor([torch.inf, 1])), ValueError, "x holds infinity in 1"),
    (lambda: minmax_range(torch.ones(3), 1), ValueError, "axis is 1"),
    (lambda: percentile_range(torch.ones(3), 50), ValueError, "percentile is 50"),
    (lambda: error_range(torch.ones(3), candidates=0), ValueError, "candidates is 0"),
    (lambda: error_range(torch.ones(3), 1, symmetric=True), ValueError, "bits is 1"),
    (lambda: entropy_range(torch.ones(3), 8, bins=200), ValueError, "bins is 200: at least 256"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
