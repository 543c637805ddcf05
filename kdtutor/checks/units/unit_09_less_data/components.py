"""Principal components: mean, directions and variances."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_09_less_data.shared import Case, table

Parts = tuple[Tensor, Tensor, Tensor]


def _principal_components(x: Tensor, k: int) -> Parts:
    mean, components, variance = reduce.principal_components(x, k)
    return mean, components, variance


def _up_to_sign(solution: Solution, x: Tensor, k: int) -> Any:
    """The answer with the largest entry of every component made positive: a direction has two signs."""
    answer = solution(x, k)
    if not isinstance(answer, tuple | list) or len(answer) != 3 or getattr(answer[1], "ndim", 0) != 2:
        return answer
    mean, rows, variance = answer
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return mean, torch.where(largest < 0, -rows, rows), variance


def _tables(g: torch.Generator) -> list[Case]:
    return [(table(g, rows, columns), k) for rows, columns, k in ((30, 5, 2), (40, 7, 7), (6, 9, 4), (25, 3, 1))]


def _of(data: Tensor, k: int, mean: Tensor) -> Parts:
    _, s, v = torch.linalg.svd(data, full_matrices=False)
    return mean, v[:k], s[:k] ** 2 / (len(data) - 1)


def _centred(x: Tensor, k: int) -> Parts:
    return _of(x - x.mean(0), k, x.mean(0))


def _by_covariance(x: Tensor, k: int) -> Parts:
    values, vectors = torch.linalg.eigh(torch.cov(x.T.double(), correction=1).reshape(x.shape[1], x.shape[1]))
    return x.mean(0), vectors.flip(1)[:, :k].T.float(), values.flip(0)[:k].float()


def _by_samples(x: Tensor, k: int) -> Parts:
    """Through the (N, N) products of samples, which is cheaper where there are few of them."""
    data = (x - x.mean(0)).double()
    values, vectors = torch.linalg.eigh(data @ data.T)
    values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    rows = (vectors.T @ data) / values.sqrt()[:, None]
    return x.mean(0), rows.float(), (values / (len(x) - 1)).float()


def _by_power_iteration(x: Tensor, k: int) -> Parts:
    covariance = torch.cov(x.T.double()).reshape(x.shape[1], x.shape[1])
    rows, values = [], []
    for _ in range(k):
        v = covariance[:, covariance.diagonal().argmax()]
        for _ in range(200):
            v = covariance @ (v / v.norm())
        values.append(v.norm())
        rows.append(v / v.norm())
        covariance = covariance - values[-1] * torch.outer(rows[-1], rows[-1])
    return x.mean(0), torch.stack(rows).float(), torch.stack(values).float()


def _answers(change: Any) -> Solution:
    return lambda x, k: change(*_centred(x, k), x, k)


def _loses_what_is_left_out(f: Solution, g: torch.Generator) -> bool:
    x = table(g, 50, 6)
    mean, rows, variance = f(x, 3)
    back = mean + (x - mean) @ rows.T @ rows
    total = (x - x.mean(0)).square().sum()
    return near((x - back).square().sum(), total - 49 * variance.sum(), 1e-3)


principal_components = Exercise(
    reference=_principal_components,
    inputs=_tables,
    observe=_up_to_sign,
    rtol=1e-3,
    atol=1e-3,
    example=(torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), 1),
    laws=[
        Law("has rows of unit length at right angles to each other",
            lambda f, g: near((rows := f(table(g, 40, 5), 3)[1]) @ rows.T, torch.eye(3), 1e-3),
            "A component is a direction: its length is 1, and two of them share nothing."),
        Law("loses exactly the variance that it leaves out", _loses_what_is_left_out,
            "What projecting loses, Σ‖x - x̂‖², is N - 1 times the variance of the directions left out."),
        Law("does not care where the data lie",
            lambda f, g: near(f((x := table(g, 30, 4)) + 100.0, 2)[2], f(x, 2)[2], 1e-2),
            "Adding one number to every sample moves the mean and nothing else."),
    ],
    mistakes=[
        Mistake("not centred", lambda x, k: _of(x, k, x.mean(0)),
                "Your directions are those of x itself: the first one points at where the data lie, not along their spread. "
                "What has to happen to x before?"),
        Mistake("features scaled", lambda x, k: _of((x - x.mean(0)) / x.std(0).clamp_min(1e-6), k, x.mean(0)),
                "You divided each feature by its own deviation. That answers another question, with every feature equally "
                "important; here the features keep their unit."),
        Mistake("smallest first", lambda x, k: (x.mean(0), _centred(x, min(x.shape))[1].flip(0)[:k],
                                                _centred(x, min(x.shape))[2].flip(0)[:k]),
                "You keep the directions of smallest variance. Which end of its result does the function you call sort first?"),
        Mistake("columns", _answers(lambda m, v, e, x, k: (m, v.T.contiguous(), e)),
                "Your components stand in columns. Each one is a row: shape (k, D)."),
        Mistake("variance over N", _answers(lambda m, v, e, x, k: (m, v, e * (len(x) - 1) / len(x))),
                "Your variances are divided by N. The divisor here is N - 1."),
        Mistake("singular values", _answers(lambda m, v, e, x, k: (m, v, (e * (len(x) - 1)).sqrt())),
                "You return singular values. A variance is their square over N - 1."),
        Mistake("standard deviations", _answers(lambda m, v, e, x, k: (m, v, e.sqrt())),
                "You return standard deviations. Variances are asked for, in the data's unit squared."),
        Mistake("squares of singular values", _answers(lambda m, v, e, x, k: (m, v, e * (len(x) - 1))),
                "You return squared singular values: sums over the samples, not yet means."),
        Mistake("shares of the variance",
                _answers(lambda m, v, e, x, k: (m, v, e / (x - x.mean(0)).square().sum() * (len(x) - 1))),
                "You return shares of the whole variance. The variances themselves are asked for."),
        Mistake("components scaled", _answers(lambda m, v, e, x, k: (m, v * e.sqrt()[:, None], e)),
                "Your components are as long as the deviation along them. They are directions, of length 1."),
        Mistake("mean forgotten", _answers(lambda m, v, e, x, k: (torch.zeros_like(m), v, e)),
                "Your mean is 0. It is the mean of every feature, which the way back needs."),
    ],
    styles={
        "singular vectors": _centred,
        "eigenvectors of the covariance": _by_covariance,
        "eigenvectors of the samples' products": _by_samples,
        "power iteration": _by_power_iteration,
    },
    hints=(
        "Take the mean away first. The direction of largest variance is then a right singular vector of what is left.",
        "torch.linalg.svd(data, full_matrices=False) returns U, S, V with the directions as rows of V, largest first.",
        "Variance along a direction: the sum of squared coordinates over N - 1, and that sum is the singular value squared.",
    ),
)  # fmt: skip
