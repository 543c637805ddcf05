"""Fewer features by a penalty: least squares that sets weights to exactly zero."""

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from kdtutor.reduce.arguments import require_count, require_floating, require_positive, require_samples


class LinearFit(NamedTuple):
    """prediction = x @ weights + intercept. weights: (D,) or (D, K). intercept: scalar or (K,)."""

    weights: Tensor
    intercept: Tensor


def lasso(
    x: Tensor, y: Tensor, strength: float, *, tolerance: float = 1e-10, max_iterations: int = 100_000
) -> LinearFit:
    """Least squares with an L1 penalty: the w, b that minimise 1/(2N) ‖y - x w - b‖² + λ ‖w‖₁, λ = strength.

    Weights of features that are not worth λ are exactly zero: `weights.nonzero()` is the selection. The intercept is
    not penalised. The penalty compares weights, so bring the features to one scale before. Solved by accelerated
    proximal gradient steps (FISTA, restarted whenever momentum points uphill) in float64, until the duality gap, an
    upper bound on what is still to gain, is below tolerance · ‖y - mean‖²/N.

    x: (N, D). y: (N,), or (N, K) for K independent targets (one-hot labels, say). strength > 0, in y's unit times x's.
    Returns weights and intercept in x's dtype and on its device; RuntimeWarning where max_iterations did not suffice.
    Raises TypeError for integers, ValueError for shapes that do not fit, strength <= 0, NaN or infinity.
    Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996; Beck, Teboulle, "A Fast Iterative
    Shrinkage-Thresholding Algorithm for Linear Inverse Problems", section 4, 2009; O'Donoghue, Candès, "Adaptive
    Restart for Accelerated Gradient Schemes", section 3.2, 2015.
    """
    require_positive("strength", strength)
    require_positive("tolerance", tolerance)
    require_count("max_iterations", max_iterations, 1, 10**9)
    data, targets, x_mean, y_mean = _centred(x, y)
    weights = _minimise(data, targets, strength, tolerance, max_iterations)
    intercept = y_mean - x_mean @ weights
    return LinearFit(weights.reshape(x.shape[1:] + y.shape[1:]).to(x.dtype), intercept.reshape(y.shape[1:]).to(x.dtype))


def lasso_ceiling(x: Tensor, y: Tensor) -> float:
    """The smallest strength at which every weight of `lasso` is zero: max_jk |Σ_i (x_ij - x̄_j)(y_ik - ȳ_k)| / N.

    Arguments and errors as `lasso`. Source: Osborne, Presnell, Turlach, "On the LASSO and its Dual", section 3, 2000.
    """
    data, targets, _, _ = _centred(x, y)
    return float((data.T @ targets).abs().max() / len(data))


def _centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    require_samples("x", x)
    require_floating("y", y)
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(
            f"y has shape {tuple(y.shape)}, x {tuple(x.shape)}: y needs (N,) or (N, K), one row a row of x"
        )
    require_samples("y", y.reshape(len(y), -1))
    if y.device != x.device:
        raise ValueError(f"y is on {y.device}, x on {x.device}: both need the same device")
    data, targets = x.detach().double(), y.detach().double().reshape(len(y), -1)
    x_mean, y_mean = data.mean(0), targets.mean(0)
    return data - x_mean, targets - y_mean, x_mean, y_mean


def _minimise(data: Tensor, targets: Tensor, strength: float, tolerance: float, max_iterations: int) -> Tensor:
    N = len(data)
    gram, moments = data.T @ data / N, data.T @ targets / N
    energy = (targets**2).sum(0) / N
    curvature = float(torch.linalg.eigvalsh(gram)[-1].clamp_min(torch.finfo(gram.dtype).tiny))
    weights = ahead = torch.zeros_like(moments)
    momentum = 1.0
    for step in range(max_iterations):
        before = weights
        weights = _soft_threshold(ahead - (gram @ ahead - moments) / curvature, strength / curvature)
        if bool(((ahead - weights) * (weights - before)).sum() > 0):
            momentum = 1.0
        next_momentum = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = weights + (momentum - 1) / next_momentum * (weights - before)
        momentum = next_momentum
        if step % 10 == 0:
            gap = _duality_gap(weights, gram, moments, energy, strength)
            if bool((gap <= tolerance * energy).all()):
                return weights
    warnings.warn(
        f"lasso stopped after {max_iterations} steps with a duality gap of {float(gap.max()):.2g}: "
        "raise max_iterations or tolerance, or bring the features to one scale",
        RuntimeWarning,
        stacklevel=3,
    )
    return weights


def _soft_threshold(w: Tensor, amount: float) -> Tensor:
    return w.sign() * (w.abs() - amount).clamp_min(0)


def _duality_gap(weights: Tensor, gram: Tensor, moments: Tensor, energy: Tensor, strength: float) -> Tensor:
    """Objective minus a lower bound on it: the residual r, shrunk until |xᵀr|/N <= λ, is feasible in the dual."""
    fitted = (weights * moments).sum(0)
    residual_energy = energy - 2 * fitted + (weights * (gram @ weights)).sum(0)
    slope = (moments - gram @ weights).abs().amax(0)
    shrink = (strength / slope.clamp_min(torch.finfo(slope.dtype).tiny)).clamp_max(1)
    primal = residual_energy / 2 + strength * weights.abs().sum(0)
    dual = shrink * (energy - fitted) - shrink**2 * residual_energy / 2
    return primal - dual
