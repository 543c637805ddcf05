"""Least squares with an L1 penalty, by proximal gradient steps."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_09_less_data.shared import Case

Parts = tuple[Tensor, Tensor]


def _lasso(x: Tensor, y: Tensor, strength: float, steps: int = 500) -> Parts:
    fit = reduce.lasso(x, y, strength)
    return fit.weights, fit.intercept


def _problem(g: torch.Generator, rows: int, columns: int, targets: int) -> tuple[Tensor, Tensor]:
    """Well-conditioned features, some of which matter, and targets away from zero."""
    x = torch.randn(rows, columns, generator=g) * torch.linspace(0.7, 1.3, columns) + 1.5
    w = torch.randn(columns, targets, generator=g)
    w[1::2] *= 0.05
    return x, x @ w + 0.3 * torch.randn(rows, targets, generator=g) + 2.0


def _cases(g: torch.Generator) -> list[Case]:
    shapes = ((60, 5, 2, 0.1), (80, 8, 1, 0.3), (50, 4, 3, 0.02))
    return [(*_problem(g, rows, columns, targets), strength, 400) for rows, columns, targets, strength in shapes]


def _soft(w: Tensor, amount: float) -> Tensor:
    return w.sign() * (w.abs() - amount).clamp_min(0)


def _descended(shrink: Any, centred: bool = True, over_n: bool = True) -> Solution:
    """Proximal gradient descent with its own idea of the proximal step: shrink(w, learning rate, strength)."""

    def fitted(x: Tensor, y: Tensor, strength: float, steps: int) -> Parts:
        x_mean, y_mean = (x.mean(0), y.mean(0)) if centred else (torch.zeros(x.shape[1]), torch.zeros(y.shape[1]))
        data, targets = x - x_mean, y - y_mean
        gram, moments = data.T @ data / len(x), data.T @ targets / len(x)
        rate = float(1 / torch.linalg.eigvalsh(gram)[-1])
        w = torch.zeros(x.shape[1], y.shape[1])
        for _ in range(steps):
            w = shrink(w - rate * (gram @ w - moments), rate, strength if over_n else strength / len(x))
        return w, y_mean - x_mean @ w

    return fitted


def _by_coordinates(x: Tensor, y: Tensor, strength: float, steps: int) -> Parts:
    data, residual = x - x.mean(0), y - y.mean(0)
    squares = data.square().mean(0)
    w = torch.zeros(x.shape[1], y.shape[1])
    for _ in range(60):
        for j in range(x.shape[1]):
            column = data[:, j : j + 1]
            residual = residual + column * w[j]
            w[j] = _soft((column * residual).mean(0), strength) / squares[j]
            residual = residual - column * w[j]
    return w, y.mean(0) - x.mean(0) @ w


def _by_autograd(x: Tensor, y: Tensor, strength: float, steps: int) -> Parts:
    data, targets = x - x.mean(0), y - y.mean(0)
    rate = float(1 / (torch.linalg.matrix_norm(data, 2) ** 2 / len(x)))
    w = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    for _ in range(steps):
        (slope,) = torch.autograd.grad((data @ w - targets).square().sum() / (2 * len(x)), w)
        w = torch.nn.functional.softshrink((w - rate * slope).detach(), rate * strength).requires_grad_()
    w = w.detach()
    return w, (y - x @ w).mean(0)


def _ridge(x: Tensor, y: Tensor, strength: float, steps: int) -> Parts:
    data, targets = x - x.mean(0), y - y.mean(0)
    gram = data.T @ data / len(x) + strength * torch.eye(x.shape[1])
    w = torch.linalg.solve(gram, data.T @ targets / len(x))
    return w, y.mean(0) - x.mean(0) @ w


def _once_at_the_end(x: Tensor, y: Tensor, strength: float, steps: int) -> Parts:
    w, _ = _descended(lambda w, rate, strength: w)(x, y, strength, steps)
    w = _soft(w, strength)
    return w, y.mean(0) - x.mean(0) @ w


def _answers(change: Any) -> Solution:
    return lambda x, y, strength, steps: change(*_lasso(x, y, strength), x, y)


_right = _descended(lambda w, rate, strength: _soft(w, rate * strength))


def _nothing_beyond_the_ceiling(f: Solution, g: torch.Generator) -> bool:
    x, y = _problem(g, 50, 5, 2)
    weights, intercept = f(x, y, 1.001 * reduce.lasso_ceiling(x, y), 400)
    return bool((weights == 0).all()) and near(intercept, y.mean(0), 1e-3)


def _slope_within_the_penalty(f: Solution, g: torch.Generator) -> bool:
    x, y = _problem(g, 60, 6, 2)
    weights, intercept = f(x, y, 0.2, 400)
    slope = (x - x.mean(0)).T @ (y - x @ weights - intercept) / len(x)
    return bool((slope.abs() <= 0.2 + 1e-3).all()) and bool(((weights == 0) | ((slope.abs() - 0.2).abs() < 1e-3)).all())


lasso = Exercise(
    reference=_lasso,
    inputs=_cases,
    rtol=1e-3,
    atol=1e-3,
    example=(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]]), 0.5, 400),
    laws=[
        Law("sets every weight to 0 once the penalty is large enough", _nothing_beyond_the_ceiling,
            "Above a certain strength no feature is worth its penalty: all weights exactly 0, the intercept the mean of y."),
        Law("leaves no slope that the penalty would pay for", _slope_within_the_penalty,
            "At the minimum the slope of the squares is λ for every weight that is not 0, and at most λ for those that are."),
        Law("has exact zeros", lambda f, g: bool((f(*_problem(g, 80, 8, 2), 0.3, 400)[0] == 0).any()),
            "Weights that are not worth their penalty are exactly 0, not small."),
    ],
    mistakes=[
        Mistake("penalty's slope subtracted",
                _descended(lambda w, rate, strength: w - rate * strength * w.sign()),
                "You subtract λ · sign(w), so weights jump around 0 and never rest there. The step that ends at exactly 0 is "
                "soft thresholding, after the gradient step."),
        Mistake("threshold without the rate", _descended(lambda w, rate, strength: _soft(w, strength)),
                "You shrink by λ at every step. A step of length η along the slope shrinks by η · λ."),
        Mistake("not centred", _descended(lambda w, rate, strength: _soft(w, rate * strength), centred=False),
                "You fit through the origin. Take the means of x and y away first; the intercept puts them back."),
        Mistake("sum instead of mean", _descended(lambda w, rate, strength: _soft(w, rate * strength), over_n=False),
                "Your squares are summed over the samples, so λ weighs N times too little. The first term is 1/(2N) ‖...‖²."),
        Mistake("factor one half lost", lambda x, y, strength, steps: _right(x, y, strength / 2, steps),
                "Your λ acts half as strongly as it should. The first term is 1/(2N) ‖...‖²: what is its slope?"),
        Mistake("penalty on squares", _ridge,
                "All your weights became smaller and none is 0: that is a penalty on squares, ridge regression."),
        Mistake("threshold at the end only", _once_at_the_end,
                "You fit without a penalty and shrink once. The other weights never learn that one of them is gone."),
        Mistake("hard threshold", _descended(lambda w, rate, strength: w * (w.abs() > rate * strength)),
                "You set small weights to 0 and leave the others as they are. The penalty pulls on those too, by η · λ."),
        Mistake("negative weights lost", _descended(lambda w, rate, strength: (w - rate * strength).clamp_min(0)),
                "Negative weights became 0. Shrink the size and put the sign back."),
        Mistake("intercept forgotten", _answers(lambda w, b, x, y: (w, torch.zeros_like(b))),
                "Your intercept is 0. It is what is left of y's mean once x's mean has gone through the weights."),
        Mistake("mean as the intercept", _answers(lambda w, b, x, y: (w, y.mean(0))),
                "Your intercept is the mean of y. That is right for centred features; yours go in as they are."),
    ],
    styles={"soft threshold by sign": _right, "coordinate by coordinate": _by_coordinates, "autograd and softshrink": _by_autograd},
    hints=(
        "Take the means away. Then alternate: a step against the slope of the squares, and a shrinking of every weight.",
        "Slope: dataᵀ (data w - target) / N. A safe step length is 1 over the largest eigenvalue of dataᵀ data / N.",
        "Soft thresholding moves every weight toward 0 by step length · λ and stops at 0. The intercept is ȳ - x̄ w.",
    ),
)  # fmt: skip
