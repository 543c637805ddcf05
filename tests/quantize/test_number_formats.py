"""Powers of two against an exhaustive search, mean quantisation, and the statistics of stochastic rounding."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import (
    dequantize_affine,
    mean_quantize,
    power_of_two,
    power_of_two_codes,
    power_of_two_values,
    quantize_gradient,
    quantize_gradients_,
    stochastic_round,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nearest_power(value: float) -> int:
    """The exponent of the power of two nearest to a positive value, half-way to the larger, by trying a few."""
    exact, about = Fraction(value), math.floor(math.log2(value))
    return max(range(about - 3, about + 4), key=lambda e: (-abs(exact - Fraction(2) ** e), e))


@given(
    st.lists(st.floats(-1e6, 1e6, width=32).filter(lambda v: v == 0 or abs(v) > 1e-30), min_size=1, max_size=6),
    st.integers(2, 8),
)
def test_every_value_becomes_the_nearest_of_all_values_the_bits_can_name(values, bits):
    rounded = power_of_two(torch.tensor(values, dtype=torch.float64), bits)
    if not any(values):
        assert not rounded.any()
        return
    top = nearest_power(max(abs(v) for v in values))
    count = 2 ** (bits - 1) - 1
    named = [Fraction(0)] + [Fraction(2) ** e for e in range(top - count + 1, top + 1)]
    for value, result in zip(values, rounded.tolist(), strict=True):
        best = max(named, key=lambda p: (-abs(abs(Fraction(value)) - p), p))
        assert abs(Fraction(result)) == best
        assert result == 0 or math.copysign(1, result) == math.copysign(1, value)


def test_the_worked_example_and_the_half_way_rule():
    assert power_of_two(torch.tensor([3.0, -0.8, 0.4, 0.0]), 3).tolist() == [4.0, -1.0, 0.0, 0.0]
    assert power_of_two(torch.tensor([4.0, 1.5, 0.75, 0.5, 0.49]), 3).tolist() == [4.0, 2.0, 1.0, 1.0, 0.0]
    assert power_of_two(torch.tensor([-5.0, 0.1]), 2).tolist() == [-4.0, 0.0]


@given(st.integers(0, 10**6), st.integers(2, 8))
def test_codes_fit_the_bits_and_name_the_values(seed, bits):
    x = normal(100, seed=seed) ** 3
    codes, top = power_of_two_codes(x, bits)
    assert codes.dtype == torch.int8
    assert codes.int().abs().max() < 2 ** (bits - 1)
    assert torch.equal(power_of_two_values(codes, top, bits).float(), power_of_two(x, bits))
    assert torch.equal(power_of_two(power_of_two(x, bits), bits), power_of_two(x, bits))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_powers_follow_dtype_and_device_and_stay_finite_at_the_end_of_the_range(dtype, device):
    x = torch.tensor([torch.finfo(dtype).max, -torch.finfo(dtype).max, 1.0, 0.0], dtype=dtype, device=device)
    rounded = power_of_two(x, 8)
    assert rounded.dtype == dtype
    assert rounded.device == x.device
    assert rounded.isfinite().all()
    assert rounded[3] == 0
    assert rounded[0] == -rounded[1] > 0


def test_half_of_zero_mean_weights_are_negative_and_keep_their_sign():
    x = normal(1000)
    rounded = power_of_two(x, 6)
    assert rounded.isfinite().all()
    assert (rounded.sign() * x.sign() >= 0).all()
    assert (rounded < 0).float().mean() > 0.4


@given(st.integers(0, 10**6), st.integers(2, 8))
def test_mean_quantisation_rounds_multiples_of_the_mean_absolute_value(seed, bits):
    x = normal(200, seed=seed).double()
    codes, scale = mean_quantize(x, bits)
    step = sum(abs(v) for v in x.tolist()) / 200
    assert scale.item() == pytest.approx(step, rel=1e-9)
    top = 2 ** (bits - 1) - 1
    assert codes.tolist() == [max(-top, min(top, round(v / scale.item()))) for v in x.tolist()]


def test_mean_quantisation_does_not_depend_on_the_sign_of_the_mean_and_two_bits_are_ternary(device):
    x = normal(1000).to(device)
    codes, scale = mean_quantize(x, 2)
    other_codes, other_scale = mean_quantize(-x, 2)
    assert torch.equal(codes, -other_codes)
    assert scale == other_scale
    assert codes.unique().tolist() == [-1, 0, 1]
    zero_codes, zero_scale = mean_quantize(torch.zeros(4, device=device))
    assert zero_scale == 1
    assert not zero_codes.any()


def test_stochastic_rounding_is_unbiased_and_rounds_to_a_neighbour(device):
    x = torch.tensor([0.1, 0.5, -0.25, 2.999, -7.3], device=device)
    generator = torch.Generator(device).manual_seed(0)
    draws = torch.stack([stochastic_round(x, generator) for _ in range(20_000)])
    assert ((draws == x.floor()) | (draws == x.floor() + 1)).all()
    fraction = x - x.floor()
    deviation = (draws.double().mean(0) - x).abs()
    # Five standard errors of a coin with that fraction.
    assert (deviation <= 5 * (fraction * (1 - fraction) / 20_000).sqrt() + 1e-6).all()


def test_integers_infinities_and_huge_values_stay_and_the_seed_decides():
    x = torch.tensor([3.0, -4.0, 0.0, 2.0**24, 1e30, torch.inf, -torch.inf])
    assert torch.equal(stochastic_round(x), x)
    y = normal(50)
    first, again, other = (stochastic_round(y, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert stochastic_round(y.half()).dtype == torch.float16


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_quantised_gradients_are_unbiased_only_when_rounded_stochastically(bits):
    gradient = normal(50) * 0.01
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(50, dtype=torch.float64)
    for _ in range(4000):
        codes, scale = quantize_gradient(gradient, bits, generator=generator)
        assert codes.int().abs().max() <= 2 ** (bits - 1) - 1
        total += dequantize_affine(codes, scale, 0)
    # A coin's standard deviation is at most half a step.
    assert ((total / 4000 - gradient).abs() <= 5 * 0.5 * scale / math.sqrt(4000)).all()
    nearest, scale = quantize_gradient(gradient, bits, stochastic=False)
    torch.testing.assert_close(nearest.float(), (gradient / scale).round())


def test_small_gradients_vanish_when_rounded_to_nearest_and_survive_when_rounded_stochastically():
    gradient = torch.full((10_000,), 0.1)
    gradient[0] = 127.0
    nearest, _ = quantize_gradient(gradient, 8, stochastic=False)
    random, scale = quantize_gradient(gradient, 8, generator=torch.Generator().manual_seed(0))
    assert nearest[1:].eq(0).all()
    assert dequantize_affine(random, scale, 0)[1:].mean().item() == pytest.approx(0.1, rel=0.2)


def test_gradients_are_replaced_in_place_between_backward_and_step():
    layer = torch.nn.Linear(3, 2)
    layer(torch.randn(4, 3)).square().sum().backward()
    layer.bias.grad = None
    before = layer.weight.grad
    expected = dequantize_affine(*quantize_gradient(before, 3, stochastic=False), 0)
    quantize_gradients_(layer.parameters(), 3, stochastic=False)
    assert layer.weight.grad is before
    torch.testing.assert_close(before, expected)
    assert layer.bias.grad is None


REFUSED = [
    (lambda: power_of_two(torch.ones(2), 1), ValueError, "bits is 1: 2 to 8"),
    (lambda: power_of_two(torch.ones(2).int(), 4), TypeError, "x has dtype int32"),
    (lambda: power_of_two(torch.tensor([torch.nan]), 4), ValueError, "x holds NaN"),
    (lambda: power_of_two(torch.tensor([torch.inf]), 4), ValueError, "x holds infinity"),
    (lambda: power_of_two_values(torch.ones(2), 0, 4), TypeError, "codes has dtype float32"),
    (lambda: mean_quantize(torch.zeros(0)), ValueError, "at least one value"),
    (lambda: mean_quantize(torch.ones(2), 1), ValueError, "bits is 1"),
    (lambda: stochastic_round(torch.tensor([1])), TypeError, "x has dtype int64"),
    (lambda: stochastic_round(torch.tensor([torch.nan])), ValueError, "x holds NaN"),
    (lambda: quantize_gradient(torch.tensor([torch.inf])), ValueError, "gradient holds infinity"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
