"""Mutual information of a binned feature and the label."""

import math
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import reduce
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_09_less_data.shared import Case, classes, table


def _bins_of(x: Tensor, bins: int) -> Tensor:
    low, high = x.amin(0), x.amax(0)
    width = torch.where(high > low, high - low, torch.ones_like(low))
    return ((x - low) / width * bins).long().clamp_max(bins - 1)


def _joint(codes: Tensor, y: Tensor, bins: int) -> Tensor:
    """(D, bins, C), shares of the samples."""
    members = F.one_hot(y).float()
    return torch.stack([F.one_hot(column, bins).float().T @ members for column in codes.T]) / len(y)


def _information(joint: Tensor) -> Tensor:
    independent = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    return (torch.special.xlogy(joint, joint) - torch.special.xlogy(joint, independent)).sum((1, 2))


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(-1)


def _of_joint(answer: Any) -> Solution:
    return lambda x, y, bins: answer(_joint(_bins_of(x, bins), y, bins))


def _with_bins(binned: Any) -> Solution:
    """Right but for how values are put into bins."""

    def informed(x: Tensor, y: Tensor, bins: int) -> Tensor:
        codes = binned(x, bins)
        return _information(_joint(codes, y, int(codes.max()) + 1))

    return informed


def _tables(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, columns, count, bins in ((60, 4, 3, 4), (80, 2, 2, 8), (50, 5, 5, 2)):
        x, y = table(g, rows, columns), classes(g, rows, count)
        x[:, 0] += 4 * y
        cases.append((x, y, bins))
    return cases


def _counted(x: Tensor, y: Tensor, bins: int) -> Tensor:
    scores, N = [], len(y)
    for column in _bins_of(x, bins).T.tolist():
        pairs, b, c = Counter(zip(column, y.tolist(), strict=True)), Counter(column), Counter(y.tolist())
        scores.append(sum(n / N * math.log(n * N / (b[i] * c[j])) for (i, j), n in pairs.items()))
    return torch.tensor(scores)


def _shared_range(x: Tensor, bins: int) -> Tensor:
    return ((x - x.min()) / (x.max() - x.min()) * bins).long().clamp_max(bins - 1)


def _equal_counts(x: Tensor, bins: int) -> Tensor:
    return x.argsort(0).argsort(0) * bins // len(x)


def _unmasked(joint: Tensor) -> Tensor:
    independent = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    return (joint * (joint / independent).log()).sum((1, 2))


def _copy_tells_all(f: Solution, g: torch.Generator) -> bool:
    y = classes(g, 64, 4)
    return near(f(y.float().unsqueeze(1), y, 4), _entropy(y.bincount() / 64).unsqueeze(0), 1e-3)


def _constant_tells_nothing(f: Solution, g: torch.Generator) -> bool:
    x = torch.cat([torch.full((40, 1), 0.7), torch.randn(40, 1, generator=g)], 1)
    scores = f(x, classes(g, 40, 3), 4)
    return near(scores[0], 0.0) and bool(scores.isfinite().all())


mutual_information = Exercise(
    reference=reduce.mutual_information,
    inputs=_tables,
    example=(torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]), torch.tensor([0, 0, 1, 1]), 2),
    laws=[
        Law("is the label's entropy for a copy of the label", _copy_tells_all,
            "A feature from which the label can be read tells all there is to tell: H(y)."),
        Law("does not care in which unit a feature is measured",
            lambda f, g: near(f((x := table(g, 50, 3)) * 1024 - 4096, y := classes(g, 50, 3), 4), f(x, y, 4), 1e-2),
            "The bins divide the way from the smallest to the largest value, whatever the unit."),
        Law("is 0 for a feature that never changes", _constant_tells_nothing,
            "A constant feature has no width to divide by. It lies in one bin and tells nothing.", edge=True),
    ],
    mistakes=[
        Mistake("bits for nats", _of_joint(lambda joint: _information(joint) / math.log(2)),
                "Your numbers are too large by 1 / log 2: bits. This course measures information in nats."),
        Mistake("empty cells", _of_joint(_unmasked),
                "A cell without samples gives 0 · log 0, which the computer calls NaN. Its share of the sum is 0."),
        Mistake("a bin for the largest", _with_bins(lambda x, bins: ((x - x.amin(0)) / (x.amax(0) - x.amin(0)) * bins).long()),
                "The largest value of a feature lands in a bin of its own, beyond the last. It belongs into the last bin."),
        Mistake("one range for all", _with_bins(_shared_range),
                "You cut all features by one common range. Each has its own smallest and largest value."),
        Mistake("bins of equal count", _with_bins(_equal_counts),
                "Your bins hold equally many samples. Bins of equal width are asked for."),
        Mistake("entropy that remains", _of_joint(lambda joint: _entropy(joint.flatten(1)) - _entropy(joint.sum(2))),
                "You return H(y | bin), what is still unknown of the label. Asked for is what the bin told."),
        Mistake("entropy of the bins", _of_joint(lambda joint: _entropy(joint.sum(2))),
                "You return the entropy of the feature. It never looks at the labels."),
        Mistake("joint entropy", _of_joint(lambda joint: _entropy(joint.flatten(1))),
                "You return the entropy of feature and label together. Mutual information is what the two share."),
        Mistake("logarithm alone", _of_joint(lambda joint: torch.where(
                    joint > 0, (joint / (joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True))).log(), 0.0).sum((1, 2))),
                "You add up logarithms. Each cell counts as often as it occurs: weigh it with p(b, c)."),
        Mistake("counts for shares", lambda x, y, bins: len(y) * _information(_joint(_bins_of(x, bins), y, bins)),
                "Your number grows with the samples: it is N times too large. Divide the counts by N."),
        Mistake("sign", _of_joint(lambda joint: -_information(joint)),
                "Your numbers are negative. Mutual information never is."),
        Mistake("always 16 bins", lambda x, y, bins: reduce.mutual_information(x, y, 16),
                "Your answer is the same for every number of bins."),
        Mistake("width of zero", lambda x, y, bins: reduce.mutual_information(x, y, bins) * ((w := x.amax(0) - x.amin(0)) / w),
                "Right wherever a feature changes. Where it does not, largest minus smallest is 0 and dividing by it gives NaN."),
    ],
    styles={
        "counted by hand": lambda x, y, bins: _counted(x, y, bins),
        "three entropies": _of_joint(
            lambda joint: _entropy(joint.sum(1)) + _entropy(joint.sum(2)) - _entropy(joint.flatten(1))),
        "the gain of a decision tree": reduce.information_gain,
        "as a divergence": _of_joint(lambda joint: F.kl_div(
            (joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)).clamp_min(1e-30).log(), joint, reduction="none").sum((1, 2))),
    },
    hints=(
        "For one feature: a table that counts how often bin b and class c occur together, divided by N.",
        "The bin of a value: its share of the way from the smallest to the largest, times bins, rounded down, at most bins - 1.",
        "Compare p(b, c) with p(b) p(c), what it would be if the two had nothing to do with each other. Skip the empty cells.",
    ),
)  # fmt: skip
