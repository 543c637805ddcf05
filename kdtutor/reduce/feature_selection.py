"""Fewer features: a score for each one, and the choice of the best.

Every score is (D,), larger is better, and says nothing about features together: two copies of one feature score alike
(`select_uncorrelated` and `recursive_elimination` look at that).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.reduce.arguments import (
    at_least_float32,
    require_count,
    require_floating,
    require_informative_labels,
    require_samples,
    require_scores,
)


def variance(x: Tensor) -> Tensor:
    """Variance of each feature over the samples, divisor N, in the feature's unit squared; needs no labels.

    x: (N, D). Returns (D,) in x's dtype (float16 overflows to inf above 65504). A constant feature scores exactly 0.
    Raises TypeError for integers, ValueError for other shapes, NaN or infinity.
    """
    require_samples("x", x)
    return _centred(at_least_float32(x)).square().mean(0).to(x.dtype)


def variance_ratio(x: Tensor, y: Tensor) -> Tensor:
    """Variance between classes over variance within, F = [Σ_c N_c (μ_c - μ)² / (C-1)] / [Σ_i (x_i - μ_{y_i})² / (N-C)].

    x: (N, D). y: (N,) class indices, at least two classes and more samples than classes.
    Returns (D,), no unit, in x's dtype. A constant feature scores 0, one that is constant within every class inf.
    Raises TypeError for integer x or float y, ValueError for labels all alike, shapes that do not fit, NaN.
    Source: Fisher, "Statistical Methods for Research Workers", chapter VII, 1925 (analysis of variance).
    """
    require_samples("x", x)
    require_informative_labels(y, x)
    data = _centred(at_least_float32(x))
    members = _members(y, data)
    N, C = members.shape
    if N == C:
        raise ValueError(
            f"y has {C} classes for {N} samples: the variance within classes needs more samples than classes"
        )
    sizes = members.sum(0)
    means = members.T @ data / sizes[:, None]
    between = (sizes[:, None] * means**2).sum(0) / (C - 1)
    within = (data - members @ means).square().sum(0) / (N - C)
    rounding = 8 * torch.finfo(data.dtype).eps * data.abs().amax(0)
    within = torch.where(within <= rounding**2, 0.0, within)
    return torch.where(between > 0, between / within, 0.0).to(x.dtype)


def chi_square(x: Tensor, y: Tensor) -> Tensor:
    """Chi-squared statistic of each feature's totals per class, Σ_c (O_c - E_c)² / E_c, for counts and the like.

    O_c is the feature's sum over class c, E_c what it would be if the total were shared by class size. x must not be
    negative (counts, frequencies, pixel intensities): a total of signed values is no count. The size of the statistic
    grows with the unit of x: compare only features in one unit.

    x: (N, D), >= 0. y: (N,) class indices, at least two classes. Returns (D,) in x's dtype (float16 overflows to inf
    above 65504). A feature that is 0 everywhere scores 0.
    Raises TypeError for integer x or float y, ValueError for negative x, labels all alike, shapes that do not fit.
    Source: Pearson, "On the Criterion that a Given System of Deviations ...", 1900; Liu, Setiono, "Chi2: Feature
    Selection and Discretization of Numeric Attributes", 1995.
    """
    require_samples("x", x)
    require_informative_labels(y, x)
    if bool((x < 0).any()):
        raise ValueError(
            f"x holds {float(x.min()):.4g}: chi_square needs counts or intensities >= 0 "
            "(variance_ratio and mutual_information take signed values)"
        )
    data = at_least_float32(x)
    members = _members(y, data)
    observed = members.T @ data
    expected = members.mean(0)[:, None] * data.sum(0)
    return torch.where(expected > 0, (observed - expected) ** 2 / expected, 0.0).sum(0).to(x.dtype)


def mutual_information(x: Tensor, y: Tensor, bins: int = 16) -> Tensor:
    """Mutual information of each feature, cut into equal bins, and the label: Σ_bc p(b,c) log [p(b,c) / (p(b) p(c))].

    The bins divide the way from the feature's smallest to its largest value. The estimate is high by about
    (bins-1)(C-1)/(2N) nats for a feature that tells nothing: keep N well above bins · C.

    x: (N, D). y: (N,) class indices, at least two classes. bins >= 2. Returns (D,) in nats, between 0 and the entropy
    of the labels, in x's dtype. A constant feature scores 0.
    Raises TypeError for integer x or float y, ValueError for labels all alike, shapes that do not fit, NaN.
    Source: Shannon, "A Mathematical Theory of Communication", section 12, 1948; bias: Miller, "Note on the Bias of
    Information Estimates", 1955.
    """
    joint = _joint_frequencies(x, y, bins)
    independent = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    terms = torch.where(joint > 0, joint * (joint / independent.where(joint > 0, 1.0)).log(), 0.0)
    return terms.sum((1, 2)).clamp_min(0).to(x.dtype)


def information_gain(x: Tensor, y: Tensor, bins: int = 16) -> Tensor:
    """How much of the label's entropy knowing a feature's bin removes: H(y) - Σ_b p(b) H(y | b).

    The name that decision trees use for `mutual_information`: the same number, reached the other way round.
    Arguments, result and errors as there. Source: Quinlan, "Induction of Decision Trees", section 4, 1986.
    """
    joint = _joint_frequencies(x, y, bins)
    p_bin = joint.sum(2)
    label_given_bin = joint / p_bin.where(p_bin > 0, 1.0)[:, :, None]
    remaining = (p_bin * _entropy(label_given_bin)).sum(1)
    return (_entropy(joint.sum(1)) - remaining).clamp_min(0).to(x.dtype)


def binned_entropy(x: Tensor, bins: int = 16) -> Tensor:
    """Entropy of each feature cut into equal bins, -Σ_b p(b) log p(b): how much it varies at all; needs no labels.

    x: (N, D). bins >= 2. Returns (D,) in nats, between 0 (constant) and log bins, in x's dtype.
    Raises TypeError for integers, ValueError for other shapes, NaN or infinity.
    Source: Shannon, "A Mathematical Theory of Communication", section 6, 1948.
    """
    require_samples("x", x)
    require_count("bins", bins, 2, 2**16)
    # counted, not one-hot: that would take bins numbers for every one of x
    D = x.shape[1]
    cell = torch.arange(D, device=x.device) * bins + _bin_of(x, bins)
    frequencies = cell.flatten().bincount(minlength=D * bins).reshape(D, bins).double() / len(x)
    return _entropy(frequencies).to(x.dtype)


def correlation(x: Tensor, target: Tensor) -> Tensor:
    """Pearson's correlation of each feature with a real-valued target, cov(x, t) / (σ_x σ_t), from -1 to 1.

    The sign is kept: rank by `.abs()`. Class indices are names, not amounts: score them by `variance_ratio`, or
    pass one column of their one-hot form.

    x: (N, D), N >= 2. target: (N,) -> (D,), or (N, K) -> (D, K). In x's dtype. A constant column correlates with
    nothing: 0. Raises TypeError for integers, ValueError for shapes that do not fit, NaN or infinity.
    Source: Pearson, "Note on Regression and Inheritance in the Case of Two Parents", 1895.
    """
    require_samples("x", x, least=2)
    require_floating("target", target)
    columns = target[:, None] if target.ndim == 1 else target
    require_samples("target", columns)
    if len(columns) != len(x):
        raise ValueError(f"target has shape {tuple(target.shape)}, x {tuple(x.shape)}: one target a row of x is needed")
    r = _unit(_centred(at_least_float32(x))).T @ _unit(_centred(at_least_float32(columns).to(at_least_float32(x))))
    return r.clamp(-1, 1).reshape(x.shape[1:] + target.shape[1:]).to(x.dtype)


def select(scores: Tensor, k: int) -> Tensor:
    """Positions of the k highest scores, ascending; among equal scores the earlier feature wins.

    scores: (D,), inf allowed. k: 1 to D. Returns (k,) int64: `x[:, select(scores, k)]` keeps the features' order.
    Raises TypeError for integer scores, ValueError for k out of range or NaN.
    """
    require_scores("scores", scores)
    require_count("k", k, 1, scores.numel(), why=f"there are {scores.numel()} scores")
    return _best_first(scores)[:k].sort().values


def select_above(scores: Tensor, threshold: float) -> Tensor:
    """Positions of all scores greater than `threshold`, ascending; with `variance` and 0 it drops constant features.

    scores: (D,). Returns (K,) int64, empty where none is greater. Raises as `select`.
    """
    require_scores("scores", scores)
    return (scores > threshold).nonzero()[:, 0]


def select_uncorrelated(x: Tensor, scores: Tensor, k: int, limit: float = 0.95) -> Tensor:
    """The k best features of which no two correlate beyond ±limit: best first, skipping what repeats a chosen one.

    x: (N, D), N >= 2. scores: (D,). Returns positions, ascending, int64; fewer than k where no more are left.
    Raises as `correlation` and `select`, ValueError for a limit outside [0, 1].
    Source: Hall, "Correlation-based Feature Selection for Machine Learning", 1999 (the idea; the greedy rule is ours).
    """
    require_samples("x", x, least=2)
    require_scores("scores", scores)
    if scores.shape != x.shape[1:]:
        raise ValueError(
            f"scores has shape {tuple(scores.shape)}, x {tuple(x.shape)}: one score a column of x is needed"
        )
    require_count("k", k, 1, scores.numel(), why=f"there are {scores.numel()} scores")
    if not 0 <= limit <= 1:
        raise ValueError(f"limit is {limit}: a correlation from 0 to 1 is needed")
    repeats = correlation(x, x).abs() > limit
    chosen: list[int] = []
    for feature in _best_first(scores).tolist():
        if len(chosen) < k and not bool(repeats[feature, chosen].any()):
            chosen.append(feature)
    return torch.tensor(sorted(chosen), device=x.device)


def _centred(data: Tensor) -> Tensor:
    # taking the first sample away first leaves exact zeros where a feature is constant
    shifted = data - data[0]
    return shifted - shifted.mean(0)


def _unit(centred: Tensor) -> Tensor:
    largest = centred.abs().amax(0)
    scaled = centred / largest.where(largest > 0, 1.0)
    return F.normalize(scaled, dim=0, eps=torch.finfo(scaled.dtype).tiny)


def _members(y: Tensor, data: Tensor) -> Tensor:
    """(N, C), 1 where sample n belongs to the c-th class that occurs."""
    return F.one_hot(y.unique(return_inverse=True)[1]).to(data)


def _bin_of(x: Tensor, bins: int) -> Tensor:
    data = x.detach().double()
    low, high = data.amin(0), data.amax(0)
    width = (high - low).where(high > low, 1.0)
    return ((data - low) / width * bins).long().clamp_max(bins - 1)


def _joint_frequencies(x: Tensor, y: Tensor, bins: int) -> Tensor:
    """(D, bins, C), each feature's share of samples in bin b with class c."""
    require_samples("x", x)
    require_informative_labels(y, x)
    require_count("bins", bins, 2, 2**16)
    labels = y.unique(return_inverse=True)[1]
    D, C = x.shape[1], int(labels.max()) + 1
    cell = (torch.arange(D, device=x.device) * bins + _bin_of(x, bins)) * C + labels[:, None]
    return cell.flatten().bincount(minlength=D * bins * C).reshape(D, bins, C).double() / len(x)


def _entropy(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum(-1)


def _best_first(scores: Tensor) -> Tensor:
    return scores.argsort(descending=True, stable=True)
