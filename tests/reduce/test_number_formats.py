"""Oracles: one number at a time with Python's math, bit strings for packing, a real file for the bytes."""

import math

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.reduce import affine_format, float_format, log_format, mean_format
from tests.reduce.tables import table

tables = st.builds(table, st.integers(1, 12), st.integers(1, 5), st.integers(0, 10**6), st.floats(1e-3, 1e4))
FORMATS = [affine_format, log_format, mean_format]


@given(tables, st.integers(1, 8))
def test_affine_error_is_at_most_half_a_step(x, bits):
    encoded = affine_format(x, bits)
    step = (x.amax(0) - x.amin(0)) / (2**bits - 1)
    # float32 holds the step to 6e-8 of itself, and 2^bits steps add that up
    assert ((encoded.decode() - x).abs() <= step * (0.5 + 1e-4) + 1e-6 * x.abs().amax(0)).all()
    assert encoded.codes.min() >= 0
    assert encoded.codes.max() < 2**bits


@given(tables, st.integers(1, 8))
def test_affine_keeps_zeros_of_a_feature_that_spans_zero(x, bits):
    x[0], x[-1] = -x.abs().amax(0), 0.0
    assert (affine_format(x, bits).decode()[-1] == 0).all()


def test_affine_of_a_feature_far_from_zero_keeps_all_its_steps():
    x = torch.linspace(1000, 1001, 256, dtype=torch.float64)[:, None]
    assert affine_format(x, 8).codes.unique().numel() == 256


def test_affine_of_a_range_too_narrow_for_a_32_bit_zero_point_stays_within_its_digits():
    x = torch.tensor([[1.0], [1.0 + 1e-13]], dtype=torch.float64)
    torch.testing.assert_close(affine_format(x, 8).decode(), x, rtol=1e-7, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.5, 65504.0, 1e-30, -3e38])
@pytest.mark.parametrize("bits", [1, 8])
def test_affine_leaves_a_constant_feature_as_it_is(value, bits):
    x = torch.full((5, 1), value)
    assert torch.equal(affine_format(x, bits).decode(), x)


@given(tables, st.integers(2, 8))
def test_log_format_rounds_each_logarithm_and_keeps_the_sign(x, bits):
    x[0] = 0.0
    decoded = log_format(x, bits).decode()
    for column, result in zip(x.T.tolist(), decoded.T.tolist(), strict=True):
        exponents = [round(math.log2(abs(v))) if v else None for v in column]
        top = max((e for e in exponents if e is not None), default=0)
        for value, exponent, got in zip(column, exponents, result, strict=True):
            lost = exponent is None or exponent <= top - (2 ** (bits - 1) - 1)
            assert got == (0.0 if lost else math.copysign(2.0**exponent, value))


def test_log_format_never_rounds_up_to_a_power_that_the_dtype_lacks():
    largest = torch.tensor([[65504.0], [-65504.0]], dtype=torch.float16)
    assert log_format(largest).decode().flatten().tolist() == [2.0**15, -(2.0**15)]


@given(tables)
def test_log_format_is_off_by_a_factor_of_root_two_at_most(x):
    decoded = log_format(x, 8).decode()
    ratio = (decoded / x)[x != 0]
    assert (ratio <= math.sqrt(2) * (1 + 1e-9)).all()
    assert (ratio >= 1 / math.sqrt(2) * (1 - 1e-9)).all()
    assert torch.equal(log_format(decoded, 8).decode(), decoded)


def test_log_format_of_negative_numbers_has_no_nan_where_the_article_s_logarithm_has():
    x = torch.randn(1000, 1)
    assert x.log2().isnan().float().mean() > 0.4
    assert log_format(x, 4).decode().isfinite().all()
    assert torch.equal(log_format(-x, 4).decode(), -log_format(x, 4).decode())


@given(tables, st.integers(2, 8))
def test_mean_format_counts_whole_mean_sizes(x, bits):
    x[0, 0] += 1.0
    encoded = mean_format(x, bits)
    for column, mean, result in zip(
        x.T.tolist(), encoded.stored["mean"].tolist(), encoded.decode().T.tolist(), strict=True
    ):
        assert mean == pytest.approx(sum(map(abs, column)) / len(column), rel=1e-6)
        reach = 2 ** (bits - 1) - 1
        wanted = [mean * max(-reach, min(reach, round(value / mean))) for value in column]
        torch.testing.assert_close(result, wanted, rtol=1e-9, atol=1e-12)


def test_mean_format_of_centred_data_does_not_depend_on_the_sign_of_chance():
    for seed in range(10):
        x = torch.randn(1000, 1, generator=torch.Generator().manual_seed(seed))
        encoded = mean_format(x, 8)
        assert encoded.stored["mean"].item() == pytest.approx(math.sqrt(2 / math.pi), abs=0.1)
        assert (encoded.codes - 127).abs().max() <= 6
        assert torch.equal(mean_format(-x, 8).decode(), -encoded.decode())


@pytest.mark.parametrize("format_of", FORMATS)
@pytest.mark.parametrize("bits", range(2, 9))
def test_codes_are_packed_bit_by_bit_lowest_first(format_of, bits):
    encoded = format_of(table(7, 3, bits), bits)
    string = "".join(format(code, f"0{bits}b")[::-1] for code in encoded.codes.flatten().tolist())
    string += "0" * (-len(string) % 8)
    wanted = [int(string[i : i + 8][::-1], 2) for i in range(0, len(string), 8)]
    assert encoded.stored["codes"].tolist() == wanted


@pytest.mark.parametrize(
    ("format_of", "bits", "a_feature"),
    [(affine_format, 3, 8), (affine_format, 8, 8), (log_format, 4, 2), (mean_format, 5, 4)],
)
def test_bytes_are_those_of_a_file_without_its_header(format_of, bits, a_feature):
    encoded = format_of(table(13, 7, 1), bits)
    assert encoded.nbytes == math.ceil(13 * 7 * bits / 8) + 7 * a_feature
    file = safetensors.torch.save({name: tensor.contiguous() for name, tensor in encoded.stored.items()})
    assert encoded.nbytes == len(file) - 8 - int.from_bytes(file[:8], "little")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_float_formats_are_what_the_dtype_makes_of_the_numbers(dtype):
    x = table(5, 3, 2)
    encoded = float_format(x, dtype)
    assert encoded.nbytes == 15 * dtype.itemsize
    assert torch.equal(encoded.decode(), x.to(dtype).to(x.dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("format_of", FORMATS)
def test_extremes_device_and_dtype_come_back_finite(format_of, dtype, device):
    largest, tiny = torch.finfo(dtype).max, torch.finfo(dtype).tiny
    if dtype == torch.float64:
        largest, tiny = 1e38, 1e-300
    x = torch.tensor([[largest, 0.0, 1e4], [-largest, tiny, -1e4], [0.0, -tiny, 1.0]], dtype=dtype, device=device)
    decoded = format_of(x, 8).decode()
    assert (decoded.dtype, decoded.device.type, decoded.shape) == (dtype, device.type, x.shape)
    assert decoded.isfinite().all()
    assert not format_of(x.requires_grad_(), 8).decode().requires_grad


def test_more_affine_bits_never_hurt_and_eight_are_closer_than_one():
    x = table(200, 6, 3)
    errors = [(affine_format(x, bits).decode() - x).square().mean().item() for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 * errors[0]


x = torch.rand(4, 3)
REFUSED = [
    (lambda: affine_format(x, 9), ValueError, "bits is 9: a whole number from 1 to 8"),
    (lambda: log_format(x, 1), ValueError, r"bits is 1: .* \(one bit is the sign\)"),
    (lambda: mean_format(x, 2.0), TypeError, "bits is a float"),
    (lambda: log_format(x * torch.nan), ValueError, "x holds NaN or infinity in 12 of 12"),
    (lambda: affine_format(x.long()), TypeError, "x has dtype int64"),
    (lambda: affine_format(x[0]), ValueError, r"\(N, D\) is needed"),
    (lambda: affine_format(torch.tensor([[-1e300], [1e300]], dtype=torch.float64)), ValueError, "up to 3.4e38"),
    (lambda: float_format(1e5 * (x + 1), torch.float16), ValueError, "float16 ends at 6.55e"),
    (lambda: float_format(x, torch.int8), ValueError, "dtype is torch.int8"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
