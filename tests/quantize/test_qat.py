"""The straight-through gradient, written out, and training through it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from kdtutor.quantize import (
    WeightFakeQuantize,
    affine_parameters,
    code_range,
    dequantize_affine,
    fake_quantize,
    quantize_affine,
    quantize_per_channel,
)


@given(st.integers(0, 10**6), st.integers(1, 8), st.floats(-3, 0), st.floats(0.1, 3))
def test_values_are_those_of_quantising_and_dequantising(seed, bits, low, high):
    x = 2 * torch.randn(50, generator=torch.Generator().manual_seed(seed))
    scale, zero_point = affine_parameters(low, high, bits)
    expected = dequantize_affine(quantize_affine(x, scale, zero_point, bits), scale, zero_point)
    assert torch.equal(fake_quantize(x, scale, zero_point, bits), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_gradient_is_one_inside_and_at_the_bounds_and_zero_outside(bits, device):
    q_min, q_max = code_range(bits)
    scale, zero_point = 0.5, q_min // 2
    low, high = scale * (q_min - zero_point), scale * (q_max - zero_point)
    beyond = 1e-3
    x = torch.tensor(
        [low - beyond, low, low + beyond, 0.0, high - beyond, high, high + beyond], device=device, requires_grad=True
    )
    (3.0 * fake_quantize(x, scale, zero_point, bits)).sum().backward()
    assert x.grad.tolist() == [0.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.0]


def test_the_gradient_does_not_follow_autograd_s_convention_for_clamp(monkeypatch):
    # A future torch may give clamp the gradient 0 at its bounds: nothing here may come from clamp's derivative.
    x = torch.tensor([-1.0, 1.27, 0.3], requires_grad=True)
    y = fake_quantize(x, 0.01, -28)
    assert y.grad_fn.name().startswith("_StraightThrough")
    assert all(
        parent[0].name() == "torch::autograd::AccumulateGrad" for parent in y.grad_fn.next_functions if parent[0]
    )


def test_scale_and_zero_point_receive_no_gradient():
    x = torch.randn(4, requires_grad=True)
    scale = torch.tensor(0.1, requires_grad=True)
    fake_quantize(x, scale, torch.tensor(0)).sum().backward()
    assert scale.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_dtype_keeps_its_own(dtype, device):
    x = torch.linspace(-2, 2, 33, device=device).to(dtype).requires_grad_()
    y = fake_quantize(x, 0.01, 0)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert y.device == x.device
    assert (y.double() - x.double().clamp(-1.28, 1.27)).abs().max() < 0.005 + 2 * torch.finfo(dtype).eps


def test_agrees_with_torch_in_value_and_in_gradient_away_from_the_bounds():
    x = torch.linspace(-2, 2, 1001).requires_grad_()
    ours = fake_quantize(x, 0.01, 5)
    theirs = torch.fake_quantize_per_tensor_affine(x, 0.01, 5, -128, 127)
    assert ((ours - theirs).abs() > 1e-6).float().mean() < 0.01
    ours_grad, theirs_grad = (torch.autograd.grad(y.sum(), x)[0] for y in (ours, theirs))
    far = ((x - 1.22).abs() > 0.006) & ((x + 1.33).abs() > 0.006)
    assert torch.equal(ours_grad[far], theirs_grad[far])


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_parametrised_layer_computes_with_rounded_weights_and_trains_the_real_ones(symmetric, device):
    layer = nn.Linear(6, 5).to(device)
    expected = dequantize_affine(*quantize_per_channel(layer.weight, 0, 3, symmetric=symmetric))
    parametrize.register_parametrization(layer, "weight", WeightFakeQuantize(3, symmetric=symmetric))
    torch.testing.assert_close(layer.weight, expected)
    layer(torch.randn(4, 6, device=device)).square().sum().backward()
    assert layer.parametrizations.weight.original.grad.abs().sum() > 0
    parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(layer.weight, expected)


def test_training_through_the_rounding_beats_rounding_afterwards():
    generator = torch.Generator().manual_seed(0)
    # Correlated inputs: errors of several weights can cancel, which rounding one by one cannot arrange.
    x = torch.randn(256, 1, generator=generator) + 0.3 * torch.randn(256, 32, generator=generator)
    weight = torch.randn(4, 32, generator=generator)
    y = x @ weight.T
    layer = nn.Linear(32, 4, bias=False)
    layer.weight.data.copy_(weight)
    parametrize.register_parametrization(layer, "weight", WeightFakeQuantize(4))
    optimizer = torch.optim.SGD(layer.parameters(), 0.002)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.01
    assert sum(losses[-20:]) / 20 < 0.5 * losses[0]


REFUSED = [
    (lambda: fake_quantize(torch.ones(2), 1.0, 0, 9), ValueError, "bits is 9"),
    (lambda: fake_quantize(torch.ones(2).int(), 1.0, 0), TypeError, "x has dtype int32"),
    (lambda: fake_quantize(torch.full((2,), torch.nan), 1.0, 0), ValueError, "x holds NaN"),
    (lambda: fake_quantize(torch.ones(2), -1.0, 0), ValueError, "scale is -1.0"),
    (lambda: fake_quantize(torch.ones(2), 1.0, 1.5), TypeError, "zero_point is a float"),
    (lambda: WeightFakeQuantize(1), ValueError, "bits is 1: 2 to 8"),
    (lambda: WeightFakeQuantize(4, axis=2)(torch.ones(2, 2)), ValueError, "axis is 2, weight has shape"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
