"""Oracles round in exact fractions, one value at a time; torch's own fake quantisation agrees where it exists."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import (
    affine_parameters,
    code_range,
    dequantize_affine,
    quantize_affine,
    quantize_symmetric,
    symmetric_scale,
)

ends = st.floats(-1e4, 1e4, width=32)
ranges = st.tuples(ends, ends).map(sorted)
all_bits = st.integers(1, 8)


def code_by_hand(x: float, scale: float, zero_point: int, bits: int) -> int:
    """Python's round of a Fraction is exact and half to even."""
    code = round(Fraction(x) / Fraction(scale)) + zero_point
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, code))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), ranges, all_bits)
def test_codes_are_the_exactly_rounded_ones_saturated(values, ends, bits):
    scale, zero_point = affine_parameters(*ends, bits)
    x = torch.tensor(values, dtype=torch.float64)
    codes = quantize_affine(x, scale.double(), zero_point, bits)
    for value, code in zip(values, codes.tolist(), strict=True):
        exact = Fraction(value) / Fraction(scale.item())
        if abs(exact % 1 - Fraction(1, 2)) > 1e-9:
            assert code == code_by_hand(value, scale.item(), zero_point.item(), bits)


def test_halves_are_rounded_to_even_before_the_zero_point_is_added():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])
    assert quantize_affine(x, 1.0, 0).tolist() == [0, 2, 2, 0, -2]
    assert quantize_affine(x, 1.0, 3).tolist() == [3, 5, 5, 3, 1]


@given(ranges, all_bits)
def test_parameters_cover_the_range_with_zero_in_it_to_half_a_step(ends, bits):
    scale, zero_point = affine_parameters(*ends, bits)
    q_min, q_max = code_range(bits)
    assert scale.item() > 0
    assert q_min <= zero_point.item() <= q_max
    assert zero_point.dtype == torch.int32
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    lowest, highest = (Fraction(scale.item()) * (q - zero_point.item()) for q in (q_min, q_max))
    slack = Fraction(scale.item()) * Fraction(0.5001)
    assert abs(lowest - Fraction(low)) <= slack or low == high == 0
    assert abs(highest - Fraction(high)) <= slack or low == high == 0
    if low < high and high - low > 1e-30:
        assert scale.item() == pytest.approx((high - low) / (2**bits - 1), rel=1e-6)


@given(ranges, all_bits, st.floats(0, 1))
def test_inside_the_range_the_error_is_at_most_half_a_step(ends, bits, share):
    scale, zero_point = affine_parameters(*(torch.tensor(end, dtype=torch.float64) for end in ends), bits)
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    x = torch.tensor(low + share * (high - low), dtype=torch.float64)
    back = dequantize_affine(quantize_affine(x, scale, zero_point, bits), scale, zero_point)
    assert (back - x).abs() <= scale / 2 * (1 + 1e-9)


@given(ranges, all_bits)
def test_zero_is_exact_and_dequantised_codes_quantise_to_themselves(ends, bits):
    scale, zero_point = affine_parameters(*ends, bits)
    assert dequantize_affine(quantize_affine(torch.zeros(3), scale, zero_point, bits), scale, zero_point).eq(0).all()
    q_min, q_max = code_range(bits)
    codes = torch.arange(q_min, q_max + 1, dtype=torch.int8)
    values = dequantize_affine(codes, scale, zero_point)
    assert torch.equal(quantize_affine(values, scale, zero_point, bits), codes)


def test_values_outside_saturate_and_never_wrap(device):
    # Cast before the clamp, 1.01 would come out as -126: the mistake of an official course template.
    scale, zero_point = affine_parameters(torch.tensor(-1.0, device=device), torch.tensor(1.0, device=device))
    x = torch.tensor([1.01, 1e4, 3e38, torch.inf, -1.01, -1e4, -torch.inf], device=device)
    codes = quantize_affine(x, scale, zero_point)
    assert codes.tolist() == [127, 127, 127, 127, -128, -128, -128]
    assert codes.device.type == device.type
    assert codes.dtype == torch.int8


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.integers(-128, 127))
def test_codes_agree_with_torch_s_fake_quantisation(seed, scale, zero_point):
    x = 100 * scale * torch.randn(64, generator=torch.Generator().manual_seed(seed))
    theirs = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, -128, 127)
    ours = dequantize_affine(quantize_affine(x, scale, zero_point), scale, zero_point)
    # They multiply by 1 / s, so a value on the edge between two steps may fall on the other side.
    assert (ours - theirs).abs().max() <= scale * 1.001
    assert ((ours - theirs).abs() > scale * 1e-3).float().mean() < 0.05


@given(st.floats(-50, 0.0), st.floats(0.001, 50))
def test_parameters_agree_with_torch_ao_s_observer(low, high):
    from torch.ao.quantization.observer import MinMaxObserver

    observer = MinMaxObserver(dtype=torch.qint8, qscheme=torch.per_tensor_affine)
    observer(torch.tensor([low, high]))
    their_scale, their_zero_point = observer.calculate_qparams()
    scale, zero_point = affine_parameters(low, high)
    torch.testing.assert_close(scale, their_scale.squeeze(), rtol=1e-6, atol=1e-9)
    assert abs(zero_point.item() - their_zero_point.item()) <= (0 if abs(low / scale.item() % 1 - 0.5) > 1e-3 else 1)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=9), st.integers(2, 8))
def test_symmetric_codes_are_odd_leave_the_lowest_code_out_and_keep_zero(values, bits):
    x = torch.tensor(values)
    scale = symmetric_scale(x.abs().max(), bits)
    codes = quantize_symmetric(x, scale, bits)
    assert torch.equal(quantize_symmetric(-x, scale, bits), -codes)
    assert codes.abs().max() == (2 ** (bits - 1) - 1 if x.abs().max() > 1e-30 else codes.abs().max())
    assert (dequantize_affine(codes, scale, 0) - x).abs().max() <= scale * 0.50001


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_half_precision_is_quantised_as_its_float32_value(dtype, device):
    x = torch.linspace(-3, 3, 257, device=device).to(dtype)
    scale, zero_point = affine_parameters(x.min(), x.max())
    assert scale.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    codes = quantize_affine(x, scale, zero_point)
    assert torch.equal(codes, quantize_affine(x.to(scale.dtype), scale, zero_point))
    assert dequantize_affine(codes, scale, zero_point).dtype == scale.dtype
    assert len(codes.unique()) > 200


def test_extreme_ranges_give_finite_parameters():
    top = 0.99 * torch.finfo(torch.float32).max
    for low, high in ((-top, top), (0.0, 1e-42), (-1e-45, 0.0), (0.0, 0.0)):
        scale, zero_point = affine_parameters(low, high)
        assert math.isfinite(scale.item())
        assert scale.item() > 0
        x = torch.tensor([low, high])
        error = (dequantize_affine(quantize_affine(x, scale, zero_point), scale, zero_point) - x).abs().max()
        assert error <= scale * 0.51


def test_one_range_a_channel_broadcasts():
    x = torch.tensor([[0.0, 1.0], [-10.0, 10.0]])
    scale, zero_point = affine_parameters(x.amin(1, True), x.amax(1, True))
    assert scale.shape == (2, 1)
    codes = quantize_affine(x, scale, zero_point)
    for row in range(2):
        alone = quantize_affine(x[row], scale[row, 0].item(), int(zero_point[row, 0]))
        assert torch.equal(codes[row], alone)


def test_no_gradient_is_promised_and_the_input_stays_as_it_was():
    x = torch.randn(5, requires_grad=True)
    before = x.detach().clone()
    assert not quantize_affine(x, 0.1, 0).requires_grad
    assert torch.equal(x.detach(), before)
    codes = torch.tensor([1, 2], dtype=torch.int8)
    dequantize_affine(codes, 0.5, 1)
    assert codes.tolist() == [1, 2]


x3 = torch.zeros(2, 3)
REFUSED = [
    (lambda: code_range(9), ValueError, "bits is 9: 1 to 8"),
    (lambda: code_range(8.0), TypeError, "bits is a float"),
    (lambda: affine_parameters(1.0, -1.0), ValueError, "low is 1, high -1"),
    (lambda: affine_parameters(0.0, math.nan), ValueError, "NaN or infinite"),
    (lambda: affine_parameters(-math.inf, 0.0), ValueError, "NaN or infinite"),
    (lambda: affine_parameters(torch.tensor(0), 1.0), TypeError, "low has dtype int64"),
    (lambda: affine_parameters("0", 1.0), TypeError, "low is a str"),
    (lambda: affine_parameters(torch.zeros(2), torch.zeros(3)), ValueError, r"low has shape \(2,\), high \(3,\)"),
    (lambda: quantize_affine(x3.int(), 1.0, 0), TypeError, "x has dtype int32"),
    (lambda: quantize_affine(x3 * torch.nan, 1.0, 0), ValueError, "x holds NaN in 6 of 6"),
    (lambda: quantize_affine(x3, 0.0, 0), ValueError, "scale is 0.0: it is the width of a step"),
    (lambda: quantize_affine(x3, torch.tensor([1.0, -2.0, 1.0]), 0), ValueError, "scale holds -2"),
    (lambda: quantize_affine(x3, "1", 0), TypeError, "scale is a str"),
    (lambda: quantize_affine(x3, torch.ones(2), 0), ValueError, r"scale has shape \(2,\), x \(2, 3\)"),
    (lambda: quantize_affine(x3, torch.ones(4, 2, 3), 0), ValueError, "must broadcast to x"),
    (lambda: quantize_affine(x3, 1.0, 0.5), TypeError, "zero_point is a float: it is the code of 0"),
    (lambda: quantize_affine(x3, 1.0, torch.tensor(0.0)), TypeError, "zero_point has dtype float32"),
    (lambda: quantize_affine(x3, 1.0, 128), ValueError, "zero_point holds 128: the codes run from -128 to 127"),
    (lambda: quantize_affine(x3, 1.0, torch.tensor(-9), 4), ValueError, "zero_point holds -9"),
    (lambda: dequantize_affine(x3, 1.0, 0), TypeError, "codes has dtype float32"),
    (lambda: symmetric_scale(-1.0), ValueError, "bound holds -1"),
    (lambda: symmetric_scale(1.0, 1), ValueError, "bits is 1: 2 to 8"),
    (lambda: quantize_symmetric(x3, 1.0, 1), ValueError, "bits is 1: 2 to 8"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
