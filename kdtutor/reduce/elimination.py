"""Fewer features, judged together: fit, drop the least useful, fit again."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from kdtutor.reduce.arguments import require_count, require_samples, require_scores


class Elimination(NamedTuple):
    """kept: (k,), positions ascending. ranking: (D,), 1 for kept, 2 for those dropped last, and so on."""

    kept: Tensor
    ranking: Tensor


def recursive_elimination(
    fit_scores: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, k: int, step: int | float = 1
) -> Elimination:
    """Recursive feature elimination: score what remains by a fresh fit, drop the `step` lowest, until k are left.

    Because every round fits anew, a feature that another one repeats loses its score only while both are there: of two
    copies one survives. Of equal scores the later feature goes first.

    fit_scores(x_remaining, y) -> (D_remaining,), larger is more useful (the size of a linear model's weights, say).
    x: (N, D). y: anything fit_scores takes, N rows. k: 1 to D. step: features a round, or a share of D below 1.
    Costs (D - k) / step fits, rounded up.
    Raises TypeError and ValueError for bad x, k or step, and when fit_scores returns anything but one number a feature.
    Source: Guyon, Weston, Barnhill, Vapnik, "Gene Selection for Cancer Classification using Support Vector Machines",
    section III, 2002.
    """
    require_samples("x", x)
    D = x.shape[1]
    require_count("k", k, 1, D, why=f"x has {D} features")
    a_round = _features_a_round(step, D)
    if not callable(fit_scores):
        raise TypeError(f"fit_scores is a {type(fit_scores).__name__}: a function (x, y) -> scores is needed")
    remaining = torch.arange(D, device=x.device)
    ranking = torch.ones(D, dtype=torch.int64, device=x.device)
    while len(remaining) > k:
        scores = fit_scores(x[:, remaining], y)
        require_scores("what fit_scores returned", scores)
        if scores.shape != remaining.shape:
            raise ValueError(
                f"fit_scores returned shape {tuple(scores.shape)} for {len(remaining)} features: "
                f"({len(remaining)},) is needed"
            )
        survivors = max(k, len(remaining) - a_round)
        best_first = scores.to(x.device).argsort(descending=True, stable=True)
        ranking[ranking > 1] += 1
        ranking[remaining[best_first[survivors:]]] = 2
        remaining = remaining[best_first[:survivors].sort().values]
    return Elimination(remaining, ranking)


def _features_a_round(step: int | float, features: int) -> int:
    if isinstance(step, float) and 0 < step < 1:
        return max(1, int(step * features))
    if not isinstance(step, int) or isinstance(step, bool) or step < 1:
        raise ValueError(f"step is {step!r}: a whole number of features >= 1, or a share between 0 and 1, is needed")
    return step
