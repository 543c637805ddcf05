"""Sharing scales: each slice or group is quantised as if it were alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import (
    affine_parameters,
    dequantize_affine,
    dequantize_per_group,
    quantize_affine,
    quantize_per_channel,
    quantize_per_group,
    quantize_per_tensor,
    symmetric_scale,
)


def weights(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(-2, 2, shape[0]).view(-1, *[1] * (len(shape) - 1))
    return torch.randn(*shape, generator=generator) * scales


@pytest.mark.parametrize("symmetric", [True, False])
@given(seed=st.integers(0, 10**6), axis=st.integers(-3, 2), bits=st.integers(2, 8))
def test_each_channel_is_quantised_as_if_alone(symmetric, seed, axis, bits):
    x = weights(3, 4, 5, seed=seed)
    codes, scale, zero_point = quantize_per_channel(x, axis, bits, symmetric=symmetric)
    assert [n for n in scale.shape if n > 1] == [x.shape[axis]]
    for i in range(x.shape[axis]):
        piece = x.select(axis, i)
        if symmetric:
            s, o = symmetric_scale(piece.abs().max(), bits), 0
        else:
            s, o = affine_parameters(piece.min(), piece.max(), bits)
        assert torch.equal(codes.select(axis, i), quantize_affine(piece, s, o, bits))
        assert scale.select(axis, i).flatten().item() == s.item()
        assert zero_point.select(axis, i).flatten().item() == int(o)


@given(st.integers(1, 4), st.integers(1, 17), st.integers(1, 20), st.integers(1, 8), st.booleans())
def test_each_group_is_quantised_as_if_alone_the_last_may_be_short(rows, inner, group_size, bits, symmetric):
    bits = max(bits, 2) if symmetric else bits
    x = weights(rows, inner)
    codes, scale, zero_point = quantize_per_group(x, group_size, bits, symmetric=symmetric)
    assert codes.shape == x.shape
    values = dequantize_per_group(codes, scale, zero_point, group_size)
    for row in range(rows):
        for group, start in enumerate(range(0, inner, group_size)):
            piece = x[row, start : start + group_size]
            c, s, o = quantize_per_tensor(piece, bits, symmetric=symmetric)
            assert torch.equal(codes[row, start : start + group_size], c)
            assert (scale[row, group], zero_point[row, group]) == (s, o)
            torch.testing.assert_close(values[row, start : start + group_size], dequantize_affine(c, s, o))


def test_finer_sharing_has_the_smaller_error(device):
    x = weights(32, 64).to(device)

    def error(values):
        return ((values - x).square().sum(1) / x.square().sum(1)).mean().item()

    whole = error(dequantize_affine(*quantize_per_tensor(x, 4)))
    channel = error(dequantize_affine(*quantize_per_channel(x, 0, 4)))
    group = error(dequantize_per_group(*quantize_per_group(x, 16, 4), 16))
    assert whole > 10 * channel > 10 * group


def test_the_wrong_axis_costs_accuracy():
    x = weights(32, 64)
    errors = [
        ((dequantize_affine(*quantize_per_channel(x, axis, 8)) - x) / x.norm(dim=1, keepdim=True)).norm()
        for axis in (0, 1)
    ]
    assert errors[1] > 10 * errors[0]


REFUSED = [
    (lambda: quantize_per_tensor(torch.zeros(0)), ValueError, "at least one value"),
    (lambda: quantize_per_tensor(torch.tensor([torch.inf])), ValueError, "x holds infinity in 1"),
    (lambda: quantize_per_channel(torch.zeros(2, 2), 2), ValueError, r"axis is 2, x has shape \(2, 2\)"),
    (lambda: quantize_per_channel(torch.zeros(2, 2).long()), TypeError, "x has dtype int64"),
    (lambda: quantize_per_group(torch.zeros(2, 2), 0), ValueError, "group_size is 0"),
    (lambda: quantize_per_group(torch.tensor(1.0), 2), ValueError, "it has none"),
    (lambda: quantize_per_group(torch.full((2, 2), torch.inf), 2), ValueError, "x holds infinity in 4"),
    (
        lambda: dequantize_per_group(torch.zeros(2, 5, dtype=torch.int8), torch.ones(2, 2), torch.zeros(2, 2).int(), 2),
        ValueError,
        r"groups of 2 need \(2, 3\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
