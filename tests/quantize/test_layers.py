"""Int8 layers against torch's float layers fed with the dequantised weights and inputs: what integers should give."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.quantize import (
    Int8Conv2d,
    Int8Linear,
    PackedLinear,
    dequantize_affine,
    dequantize_per_group,
    int8_layer,
    observe_inputs,
    quantize_affine,
    quantize_per_channel,
    quantize_per_group,
    to_int8,
)
from kdtutor.quantize import int8 as int8_module


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def round_trip(x: torch.Tensor, layer: int8_layer.Int8Layer) -> torch.Tensor:
    """The input as the layer's codes see it, in float64."""
    scale, zero_point = layer.input_parameters(x)
    scale, zero_point = float(scale), int(zero_point)
    return dequantize_affine(quantize_affine(x, scale, zero_point), scale, zero_point).double()


def weights_of(layer: nn.Module) -> torch.Tensor:
    codes, scale, zero_point = quantize_per_channel(layer.weight)
    return dequantize_affine(codes, scale, zero_point).double()


@pytest.mark.parametrize("input_range", [None, (-1.0, 3.0)])
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 20),
    inner=st.integers(1, 40),
    out=st.integers(1, 20),
    shift=st.floats(-3, 3),
    bias=st.booleans(),
)
def test_linear_gives_the_product_of_the_dequantised_factors(input_range, seed, rows, inner, out, shift, bias):
    torch.manual_seed(seed)
    linear = nn.Linear(inner, out, bias=bias)
    x = normal(rows, inner, seed=seed) + shift
    layer = Int8Linear.from_float(linear, input_range)
    assert layer.dynamic == (input_range is None)
    expected = F.linear(round_trip(x, layer), weights_of(linear), linear.bias.double() if bias else None)
    torch.testing.assert_close(layer(x).double(), expected, rtol=1e-4, atol=1e-4)


def test_linear_stays_close_to_the_float_layer_and_leaves_it_alone(device):
    torch.manual_seed(0)
    linear = nn.Linear(200, 100).to(device)
    before = copy.deepcopy(linear.state_dict())
    x = torch.randn(5, 7, 200, device=device)
    layer = Int8Linear.from_float(linear)
    y = layer(x)
    assert y.shape == (5, 7, 100)
    assert y.device == x.device
    exact = linear(x)
    assert (y - exact).norm() < 0.02 * exact.norm()
    assert all(torch.equal(before[name], value) for name, value in linear.state_dict().items())


def test_weights_and_products_are_integers_of_the_promised_width():
    layer = Int8Linear.from_float(nn.Linear(784, 10))
    assert layer.weight_codes.dtype == torch.int8
    assert layer.weight_codes.int().abs().amax(1).eq(127).all()
    # All weights and inputs at their extremes: a sum of 784 · 127 · 127, far beyond 16 bits.
    linear = nn.Linear(784, 1, bias=False)
    nn.init.constant_(linear.weight, 2.0)
    y = Int8Linear.from_float(linear)(torch.full((1, 784), 3.0))
    assert y.item() == pytest.approx(784 * 6, rel=1e-2)


@pytest.mark.parametrize("shift", [0.0, 5.0, -5.0])
def test_one_sided_inputs_are_corrected_for_their_zero_point(shift):
    linear = nn.Linear(64, 32)
    x = normal(16, 64).abs() * 0.1 + shift
    exact = linear(x)
    assert (Int8Linear.from_float(linear)(x) - exact).abs().max() < 0.1


def test_static_layers_do_not_depend_on_the_rest_of_the_batch_and_saturate():
    linear = nn.Linear(8, 4)
    layer = Int8Linear.from_float(linear, (torch.tensor(-2.0), torch.tensor(2.0)))
    x = normal(6, 8)
    torch.testing.assert_close(layer(x)[:2], layer(x[:2]))
    big = torch.full((1, 8), 100.0)
    torch.testing.assert_close(layer(big), layer(torch.full((1, 8), 2.0)), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_layers_answer_in_the_dtype_they_are_asked_in(dtype, device):
    x = torch.randn(9, 16, device=device).to(dtype)
    for linear in (nn.Linear(16, 8).to(device), nn.Linear(16, 8).to(device, dtype)):
        layer = Int8Linear.from_float(linear)
        y = layer(x)
        assert y.dtype == dtype
        expected = F.linear(x.double(), linear.weight.double(), linear.bias.double())
        assert (y.double() - expected).norm() < 0.03 * expected.norm()


def test_nan_and_infinity_in_a_dynamic_input_show_in_the_output():
    layer = Int8Linear.from_float(nn.Linear(4, 2))
    for bad in (torch.nan, torch.inf, -torch.inf):
        x = torch.ones(3, 4)
        x[1, 2] = bad
        assert layer(x).isnan().all()


@pytest.mark.parametrize("value", [0.0, 1e-42, -1e-42])
def test_inputs_of_nothing_give_the_bias(value):
    linear = nn.Linear(4, 2)
    torch.testing.assert_close(Int8Linear.from_float(linear)(torch.full((3, 4), value)), linear.bias.expand(3, 2))


def test_the_path_without_python_numbers_gives_the_same(monkeypatch):
    layers = [Int8Linear.from_float(nn.Linear(20, 10), r) for r in (None, (-3.0, 3.0))]
    x = normal(7, 20)
    plain = [layer(x) for layer in layers]
    for module in (int8_module, int8_layer):
        monkeypatch.setattr(module, "values_are_readable", lambda *_: False)
    for layer, expected in zip(layers, plain, strict=True):
        assert isinstance(layer.input_parameters(x)[0], torch.Tensor)
        torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_int8_layers_survive_saving_and_loading_and_empty_batches():
    for input_range in (None, (-1.0, 1.0)):
        first, second = (Int8Linear.from_float(nn.Linear(6, 5), input_range) for _ in range(2))
        x = normal(3, 6)
        assert not torch.equal(first(x), second(x))
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(x), second(x))
        assert first(x[:0]).shape == (0, 5)
        assert not first(x.requires_grad_()).requires_grad
    assert Int8Linear.from_float(nn.Linear(6, 5))(normal(6)).shape == (5,)


CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 5, "stride": 2, "padding": 2},
    {"kernel_size": 3, "dilation": 2, "padding": 3},
    {"kernel_size": (1, 3), "padding": (0, 2), "stride": (2, 1)},
    {"kernel_size": 1, "bias": False},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": 3, "padding": 1, "groups": 4},
    {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    {"kernel_size": 3, "padding": 2, "padding_mode": "circular"},
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
@pytest.mark.parametrize("input_range", [None, (0.5, 6.0)])
def test_convolutions_of_every_kind_give_those_of_the_dequantised_factors(options, input_range, device):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, **options).to(device)
    # Far from 0: a border padded with the wrong code would stand out.
    x = (normal(3, 4, 9, 11) + 4).to(device)
    layer = Int8Conv2d.from_float(conv, input_range)
    y = layer(x)
    reference = copy.deepcopy(conv).double()
    reference.weight.data = weights_of(conv)
    expected = reference(round_trip(x, layer))
    assert y.shape == expected.shape
    torch.testing.assert_close(y.double(), expected, rtol=1e-4, atol=1e-3)
    exact = conv(x)
    if input_range is None:
        assert (y - exact).norm() < 0.02 * exact.norm()


def test_convolutions_take_channels_last_half_precision_and_empty_batches():
    conv = nn.Conv2d(3, 5, 3, padding=1)
    layer = Int8Conv2d.from_float(conv)
    x = normal(2, 3, 8, 8)
    torch.testing.assert_close(layer(x.to(memory_format=torch.channels_last)), layer(x))
    assert layer(x.half()).dtype == torch.float16
    assert layer(x[:0]).shape == (0, 5, 8, 8)


@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 40), st.integers(1, 8))
def test_packed_linear_computes_with_its_groups_weights(rows, inner, group_size, bits):
    linear = nn.Linear(inner, 6)
    layer = PackedLinear.from_float(linear, bits, group_size)
    x = normal(rows, inner)
    weight = dequantize_per_group(*quantize_per_group(linear.weight, group_size, bits), group_size)
    torch.testing.assert_close(layer(x), F.linear(x, weight, linear.bias))
    assert layer.packed.numel() == -(-6 * inner * bits // 8)


def test_four_bits_in_groups_take_an_eighth_of_the_bytes_and_keep_the_output(device):
    torch.manual_seed(0)
    linear = nn.Linear(784, 100).to(device)
    layer = PackedLinear.from_float(linear)
    x = torch.rand(10, 784, device=device)
    exact = linear(x)
    assert (layer(x) - exact).norm() < 0.1 * exact.norm()
    assert layer(x.half()).dtype == torch.float16
    stored = sum(buffer.numel() * buffer.element_size() for buffer in (layer.packed, layer.scale, layer.zero_point))
    groups = 100 * math.ceil(784 / 32)
    assert stored == 78400 // 2 + groups * 5
    other = PackedLinear.from_float(nn.Linear(784, 100).to(device))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.hidden = nn.Linear(4 * 16, 16)
        self.again = self.hidden
        self.unused = nn.Linear(3, 3)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(self.norm(self.conv(x)).relu(), 2).flatten(1)
        return self.out(self.drop(self.hidden(x).relu()))


@pytest.mark.parametrize("method", ["minmax", "percentile", "error", "entropy"])
def test_a_calibrated_network_in_int8_stays_close_to_itself(method, device):
    torch.manual_seed(0)
    model = Small().to(device).train()
    model.norm.eval()
    batches = [torch.randn(32, 1, 8, 8, device=device) for _ in range(3)]
    statistics = model.norm.running_mean.clone()
    ranges = observe_inputs(model, batches, method)
    assert set(ranges) == {"conv", "hidden", "out"}
    assert ranges["hidden"][0] == 0
    assert model.training
    assert not model.norm.training
    assert torch.equal(model.norm.running_mean, statistics)
    assert not model.conv._forward_pre_hooks
    int8 = to_int8(model, ranges).eval()
    assert int8.hidden is int8.again
    assert isinstance(int8.conv, Int8Conv2d)
    assert not int8.out.dynamic
    assert int8.unused.dynamic
    assert isinstance(model.conv, nn.Conv2d)
    model.eval()
    exact = model(batches[0])
    tolerance = 0.2 if method == "entropy" else 0.05
    assert (int8(batches[0]) - exact).norm() < tolerance * exact.norm()
    assert (to_int8(model)(batches[0]) - exact).norm() < 0.05 * exact.norm()


def test_a_lone_layer_and_a_nested_model_convert():
    assert isinstance(to_int8(nn.Linear(3, 2)), Int8Linear)
    assert isinstance(to_int8(nn.Sequential(nn.Sequential(nn.Linear(3, 2))))[0][0], Int8Linear)


def test_hooks_are_removed_and_modes_restored_when_a_batch_fails():
    model = Small().train()
    with pytest.raises(RuntimeError):
        observe_inputs(model, [torch.zeros(1, 7)])
    assert model.training
    assert all(not module._forward_pre_hooks for module in model.modules())


bad = nn.Linear(3, 2)
bad.weight.data[0, 0] = torch.nan
REFUSED = [
    (lambda: Int8Linear.from_float(nn.Conv2d(1, 1, 1)), TypeError, "linear is a Conv2d"),
    (lambda: Int8Linear.from_float(bad), ValueError, "weight holds NaN in 1 of 6"),
    (lambda: Int8Linear.from_float(nn.Linear(2, 2), (1.0, -1.0)), ValueError, "low is 1, high -1"),
    (lambda: Int8Linear.from_float(nn.Linear(2, 2), (-torch.ones(2), torch.ones(2))), ValueError, "one range for"),
    (lambda: Int8Linear.from_float(nn.Linear(2, 2))(torch.ones(2, 3)), ValueError, r"x has shape \(2, 3\): \(..., 2\)"),
    (lambda: Int8Linear.from_float(nn.Linear(2, 2))(torch.ones(2, 2).int()), TypeError, "x has dtype int32"),
    (lambda: Int8Conv2d.from_float(nn.Linear(2, 2)), TypeError, "conv is a Linear"),
    (lambda: Int8Conv2d.from_float(nn.Conv2d(2, 1, 1))(torch.ones(1, 3, 4, 4)), ValueError, r"\(N, 2, H, W\)"),
    (lambda: Int8Conv2d.from_float(nn.Conv2d(1, 1, 5))(torch.ones(1, 1, 4, 4)), ValueError, "smaller than the kernel"),
    (lambda: PackedLinear.from_float(nn.Conv2d(1, 1, 1)), TypeError, "linear is a Conv2d"),
    (lambda: PackedLinear.from_float(nn.Linear(2, 2), 9), ValueError, "bits is 9"),
    (lambda: PackedLinear.from_float(nn.Linear(2, 2))(torch.ones(2, 3)), ValueError, r"\(..., 2\) is needed"),
    (lambda: to_int8(Small(), {"norm": (0.0, 1.0)}), ValueError, "input_ranges names 'norm'"),
    (lambda: observe_inputs(Small(), []), ValueError, "batches is empty"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
