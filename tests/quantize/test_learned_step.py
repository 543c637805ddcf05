"""LSQ's equations, evaluated value by value."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from kdtutor.quantize import LearnedStep, fake_quantize, initial_step, learned_step_quantize


def by_hand(v: float, s: float, below: int, above: int) -> tuple[float, float, float]:
    """v̂, ∂v̂/∂v and ∂v̂/∂s of the paper's equations 1 to 5."""
    steps = v / s
    if steps < -below:
        return -below * s, 0.0, -below
    if steps > above:
        return above * s, 0.0, above
    return round(steps) * s, 1.0, round(steps) - steps


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=20), st.floats(0.01, 4), st.integers(2, 8), st.booleans())
def test_values_and_both_gradients_follow_the_equations(values, step, bits, signed):
    below, above = (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    s = torch.tensor(step, dtype=torch.float64, requires_grad=True)
    upstream = torch.linspace(-1, 2, len(values), dtype=torch.float64)
    y = learned_step_quantize(x, s, bits, signed=signed)
    (y * upstream).sum().backward()
    expected = [by_hand(v, step, below, above) for v in values]
    scale = 1 / math.sqrt(len(values) * above)
    torch.testing.assert_close(y.detach(), torch.tensor([e[0] for e in expected], dtype=torch.float64))
    torch.testing.assert_close(x.grad, upstream * torch.tensor([e[1] for e in expected], dtype=torch.float64))
    slope = sum(u * e[2] for u, e in zip(upstream.tolist(), expected, strict=True))
    torch.testing.assert_close(s.grad.item(), scale * slope, rtol=1e-9, atol=1e-9)


def test_beyond_the_range_the_step_s_gradient_is_the_true_derivative():
    # There x̂ = ±Q s exactly, so finite differences see it; inside, the rounding hides it.
    x = torch.tensor([50.0, -70.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda s: learned_step_quantize(x, s, 3, gradient_scale=1.0),
        torch.tensor(0.7, dtype=torch.float64, requires_grad=True),
    )


def test_a_step_a_channel_gets_its_own_gradient_scaled_by_its_own_values(device):
    x = torch.randn(3, 10, device=device)
    steps = torch.tensor([[0.1], [0.5], [2.0]], device=device, requires_grad=True)
    learned_step_quantize(x, steps, 4).square().sum().backward()
    for i in range(3):
        s = steps.detach()[i, 0].clone().requires_grad_()
        learned_step_quantize(x[i], s, 4).square().sum().backward()
        torch.testing.assert_close(steps.grad[i, 0], s.grad)


def test_values_agree_with_fake_quantize_of_zero_point_zero():
    x = torch.randn(100)
    torch.testing.assert_close(learned_step_quantize(x, torch.tensor(0.05), 4), fake_quantize(x, 0.05, 0, 4))


def test_the_initial_step_is_the_paper_s():
    x = torch.randn(1000)
    assert initial_step(x, 4).item() == pytest.approx(2 * x.abs().mean().item() / math.sqrt(7), rel=1e-6)
    assert initial_step(x, 4, signed=False).item() == pytest.approx(2 * x.abs().mean().item() / math.sqrt(15), rel=1e-6)
    assert initial_step(torch.zeros(3)).item() == 1


def test_training_the_step_reduces_the_error_of_a_bad_start():
    x = torch.randn(2000)
    module = LearnedStep(x, 3)
    with torch.no_grad():
        module.step.mul_(8)
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    errors = []
    for _ in range(200):
        optimizer.zero_grad()
        error = (module(x) - x).square().mean()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.1 * errors[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_dtype_in_value_and_gradients(dtype, device):
    x = torch.randn(64, device=device).to(dtype).requires_grad_()
    s = torch.tensor(0.1, device=device, dtype=dtype, requires_grad=True)
    y = learned_step_quantize(x, s, 4)
    y.float().square().sum().backward()
    assert y.dtype == x.grad.dtype == s.grad.dtype == dtype
    assert s.grad.isfinite()


def test_as_a_parametrisation_weight_and_step_train_together():
    layer = nn.Linear(8, 4)
    parametrize.register_parametrization(layer, "weight", LearnedStep(layer.weight, 4))
    layer(torch.randn(5, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())
    assert len(layer.weight.unique()) <= 16


x3 = torch.ones(3)
REFUSED = [
    (lambda: learned_step_quantize(x3, torch.tensor(0.0)), ValueError, "step holds 0.0"),
    (lambda: learned_step_quantize(x3, 0.1), TypeError, "step is a float"),
    (lambda: learned_step_quantize(x3, torch.ones(2)), ValueError, r"step has shape \(2,\), x \(3,\)"),
    (lambda: learned_step_quantize(x3.int(), torch.tensor(0.1)), TypeError, "x has dtype int32"),
    (lambda: learned_step_quantize(x3 * torch.nan, torch.tensor(0.1)), ValueError, "x holds NaN"),
    (lambda: learned_step_quantize(x3, torch.tensor(0.1), 1), ValueError, "bits is 1: 2 to 8"),
    (lambda: initial_step(torch.zeros(0)), ValueError, "at least one value"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
