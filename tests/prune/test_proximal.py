"""Proximal operators against the minimisation that defines them, and LASSO's closed form as the end of training."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso
from torch import nn

from kdtutor.prune import group_soft_threshold, proximal_step_, soft_threshold

amounts = st.floats(0.0, 3.0)


def values(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(1, 20), amounts, st.integers(0, 10**6))
def test_soft_threshold_is_the_formula_number_by_number_and_torch_s_softshrink(size, amount, seed):
    weight = values(size, seed)
    expected = [(1 if w > 0 else -1) * max(abs(w) - amount, 0.0) for w in weight.tolist()]
    torch.testing.assert_close(soft_threshold(weight, amount).tolist(), expected)
    torch.testing.assert_close(soft_threshold(weight, amount), F.softshrink(weight, amount))


@given(st.floats(-5, 5), amounts)
def test_soft_threshold_minimises_distance_plus_absolute_value(w, amount):
    best = soft_threshold(torch.tensor(w, dtype=torch.float64), amount).item()

    def objective(u):
        return 0.5 * (u - w) ** 2 + amount * abs(u)

    assert all(objective(best) <= objective(u / 100) + 1e-12 for u in range(-500, 501))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_soft_threshold_gives_exact_zeros_and_follows_device_and_dtype(dtype, device):
    weight = torch.tensor([-1e4, -0.5, -0.25, 0.0, 0.25, 0.75, torch.inf], dtype=dtype, device=device)
    result = soft_threshold(weight, 0.5)
    assert result.dtype == dtype
    assert result.device.type == device.type
    assert result.tolist() == [torch.tensor(-9999.5, dtype=dtype).item(), 0, 0, 0, 0, 0.25, torch.inf]
    assert weight[1] == -0.5


def test_both_operators_have_the_gradient_that_finite_differences_see():
    weight = values((4, 6), 0).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: soft_threshold(w, 0.3), weight)
    assert torch.autograd.gradcheck(lambda w: group_soft_threshold(w, 1.5), weight)
    zero = torch.zeros(2, 3, requires_grad=True)
    group_soft_threshold(zero, 0.0).sum().backward()
    assert zero.grad.isfinite().all()


@given(st.integers(1, 5), st.integers(1, 5), amounts, st.integers(0, 10**6), st.sampled_from([0, 1]))
def test_group_soft_threshold_shortens_each_neuron_by_the_amount_and_keeps_its_direction(out, into, amount, seed, axis):
    weight = values((out, into), seed)
    result = group_soft_threshold(weight, amount, axis=axis)
    for j in range(weight.shape[axis]):
        before, after = weight.select(axis, j), result.select(axis, j)
        left = max(before.norm().item() - amount, 0.0)
        torch.testing.assert_close(after.norm().item(), left, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(after * before.norm(), before * left)
        if before.norm() < amount:
            assert (after == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_group_soft_threshold_survives_half_precision_and_follows_device(dtype, device):
    weight = torch.stack([torch.full((300,), 1e4), torch.full((300,), 1e-3)]).to(device, dtype)
    result = group_soft_threshold(weight, 1.0)
    assert result.dtype == dtype
    assert result.device.type == device.type
    torch.testing.assert_close(result[0], weight[0], rtol=1e-2, atol=0)
    assert (result[1] == 0).all()


def test_proximal_steps_reach_the_lasso_and_its_exact_zeros():
    inputs = values((60, 12), 1)
    targets = inputs[:, :3] @ torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64) + 0.1 * values(60, 2)
    strength = 0.3
    # scikit-learn minimises ‖y − Xw‖² / 2n + α‖w‖₁, the same objective as half the mean squared error here.
    oracle = Lasso(alpha=strength, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(
        inputs.numpy(), targets.numpy()
    )
    model = nn.Linear(12, 1, bias=False).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    for _ in range(500):
        optimizer.zero_grad()
        (0.5 * F.mse_loss(model(inputs).flatten(), targets)).backward()
        proximal_step_(optimizer, model.parameters(), strength)
    torch.testing.assert_close(model.weight[0].detach(), torch.from_numpy(oracle.coef_), rtol=1e-6, atol=1e-8)
    assert ((model.weight[0] == 0).numpy() == (oracle.coef_ == 0)).all()
    assert (model.weight == 0).sum() >= 8


def test_the_subgradient_step_jumps_across_zero_where_the_proximal_one_stops():
    weight = nn.Parameter(torch.tensor([0.05]))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.sign(weight.detach())
    optimizer.step()
    assert weight.item() == pytest.approx(-0.05)
    with torch.no_grad():
        weight.fill_(0.05)
    weight.grad.zero_()
    proximal_step_(optimizer, [weight], 1.0)
    assert weight.item() == 0


def test_the_proximal_step_uses_each_group_s_own_current_rate_and_leaves_others_alone():
    slow, fast, bias = (nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer = torch.optim.SGD(
        [{"params": [slow, bias], "lr": 0.1}, {"params": [fast], "lr": torch.tensor(0.2)}], lr=1
    )
    for parameter in (slow, fast, bias):
        parameter.grad = torch.zeros(2)
    proximal_step_(optimizer, [slow, fast], 1.0)
    optimizer.param_groups[0]["lr"] = 0.4
    proximal_step_(optimizer, [slow], 1.0)
    torch.testing.assert_close([p[0].item() for p in (slow, fast, bias)], [0.5, 0.8, 1.0])


weight = torch.ones(2, 2)
REFUSED = [
    (lambda: soft_threshold(weight, -1.0), ValueError, "amount is -1.0"),
    (lambda: soft_threshold(weight, float("inf")), ValueError, "amount is inf"),
    (lambda: soft_threshold(weight, weight), TypeError, "amount is a Tensor"),
    (lambda: soft_threshold(weight.long(), 1.0), TypeError, "weight has dtype int64"),
    (lambda: group_soft_threshold(weight, 1.0, axis=2), ValueError, "axis is 2"),
    (lambda: proximal_step_(torch.optim.SGD([weight], 0.1), [weight], -1.0), ValueError, "strength is -1.0"),
    (
        lambda: proximal_step_(torch.optim.SGD([weight], 0.1), [weight, weight.clone()], 1.0),
        ValueError,
        r"weights\[1\] of shape \(2, 2\) is not trained by the optimizer",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
