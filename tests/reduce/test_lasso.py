"""Oracles: scikit-learn's coordinate descent (ours is FISTA) and the optimality conditions of the objective."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from kdtutor.reduce import lasso, lasso_ceiling
from tests.reduce.tables import table


def regression(rows: int, columns: int, seed: int):
    x = table(rows, columns, seed, scale=1.0)
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(columns, generator=generator, dtype=torch.float64)
    return x, x @ truth + 5 + 0.3 * torch.randn(rows, generator=generator, dtype=torch.float64)


def objective(x, y, weights, intercept, strength):
    return ((y - x @ weights - intercept) ** 2).mean() / 2 + strength * weights.abs().sum()


problems = st.builds(regression, st.integers(12, 40), st.integers(1, 6), st.integers(0, 10**6))


@given(problems, st.floats(0.01, 0.9))
def test_weights_and_intercept_equal_scikit_learn_s(problem, share):
    x, y = problem
    strength = share * lasso_ceiling(x, y)
    theirs = Lasso(alpha=strength, tol=1e-12, max_iter=10**6).fit(x.numpy(), y.numpy())
    weights, intercept = lasso(x, y, strength, tolerance=1e-13)
    torch.testing.assert_close(weights, torch.from_numpy(theirs.coef_), rtol=1e-3, atol=1e-4)
    assert intercept.item() == pytest.approx(theirs.intercept_, rel=1e-3, abs=1e-3)
    theirs_value = objective(x, y, torch.from_numpy(theirs.coef_), theirs.intercept_, strength)
    assert objective(x, y, weights, intercept, strength) <= theirs_value * (1 + 1e-9) + 1e-12


@given(problems, st.floats(0.05, 0.9))
def test_each_slope_is_strength_where_a_weight_is_kept_and_no_larger_where_it_is_zero(problem, share):
    x, y = problem
    strength = share * lasso_ceiling(x, y)
    weights, intercept = lasso(x, y, strength, tolerance=1e-14)
    slope = (x - x.mean(0)).T @ (y - x @ weights - intercept) / len(x)
    tolerance = 1e-4 * lasso_ceiling(x, y)
    assert (slope.abs() <= strength + tolerance).all()
    kept = weights.abs() > 1e-3
    assert ((slope - strength * weights.sign())[kept].abs() <= tolerance).all()


def test_more_features_than_samples_still_find_the_few_that_matter():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 200, generator=generator, dtype=torch.float64)
    y = 3 * x[:, 5] - 2 * x[:, 50] + 1
    weights, intercept = lasso(x, y, 0.2)
    assert weights.nonzero().flatten().tolist() == [5, 50]
    assert weights[5].item() == pytest.approx(2.8, abs=0.2)
    assert intercept.item() == pytest.approx(1, abs=0.3)


def test_from_the_ceiling_on_every_weight_is_exactly_zero_and_just_below_it_one_is_not():
    x, y = regression(30, 5, 1)
    ceiling = lasso_ceiling(x, y)
    weights, intercept = lasso(x, y, ceiling * (1 + 1e-9))
    assert not weights.any()
    assert intercept.item() == pytest.approx(y.mean().item())
    assert lasso(x, y, 0.99 * ceiling).weights.count_nonzero() == 1


def test_several_targets_are_several_problems():
    x, y = regression(30, 5, 2)
    both = torch.stack([y, -2 * y + 1], 1)
    together = lasso(x, both, 0.1, tolerance=1e-13)
    assert (tuple(together.weights.shape), tuple(together.intercept.shape)) == ((5, 2), (2,))
    for k in range(2):
        alone = lasso(x, both[:, k], 0.1, tolerance=1e-13)
        torch.testing.assert_close(together.weights[:, k], alone.weights, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.intercept[k], alone.intercept, rtol=1e-4, atol=1e-4)


def test_a_copied_and_a_constant_feature_do_no_harm():
    x, y = regression(30, 3, 3)
    wide = torch.cat([x, x[:, :1], torch.ones(30, 1, dtype=torch.float64)], 1)
    weights, intercept = lasso(wide, y, 0.05)
    alone = lasso(x, y, 0.05)
    assert weights[4] == 0
    torch.testing.assert_close(wide @ weights + intercept, x @ alone.weights + alone.intercept, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_device_and_dtype_are_followed_and_no_gradient_flows(dtype, device):
    x, y = regression(30, 4, 4)
    x, y = x.to(device, dtype).requires_grad_(), y.to(device, dtype)
    weights, intercept = lasso(x, y, 0.1)
    assert (weights.dtype, weights.device.type, intercept.dtype) == (dtype, device.type, dtype)
    assert not weights.requires_grad
    exact = lasso(x.detach().double().cpu(), y.double().cpu(), 0.1)
    torch.testing.assert_close(weights.double().cpu(), exact.weights, rtol=2 * torch.finfo(dtype).eps, atol=1e-5)


def test_too_few_iterations_warn_with_what_is_left():
    x, y = regression(30, 5, 5)
    with pytest.warns(RuntimeWarning, match="stopped after 2 steps with a duality gap of"):
        lasso(x, y, 1e-3, max_iterations=2)


def test_restarts_reach_the_gap_soon_on_features_of_very_different_size():
    """Momentum that is never reset needs about thirty times as many steps here, and would warn."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -1.5, 30, dtype=torch.float64)
    x = torch.randn(100, 30, generator=generator, dtype=torch.float64) * scales
    weights, _ = lasso(x, x.sum(1), 1e-3 * lasso_ceiling(x, x.sum(1)), max_iterations=2000)
    assert weights[0].item() == pytest.approx(1, abs=0.05)


def test_constant_targets_need_no_weights():
    assert not lasso(torch.rand(5, 2), torch.full((5,), 0.1), 0.1).weights.any()


x, y = torch.rand(6, 3), torch.rand(6)
REFUSED = [
    (lambda: lasso(x, y, 0.0), ValueError, "strength is 0.0: a positive, finite number"),
    (lambda: lasso(x, y, "0.1"), TypeError, "strength is a str"),
    (lambda: lasso(x, y.long(), 0.1), TypeError, r"y has dtype int64.*y.float\(\)"),
    (lambda: lasso(x, y[:5], 0.1), ValueError, r"y has shape \(5,\), x \(6, 3\)"),
    (lambda: lasso(x, y[:, None, None], 0.1), ValueError, r"\(N,\) or \(N, K\)"),
    (lambda: lasso(x, y / 0, 0.1), ValueError, "y holds NaN or infinity"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
