"""How sure a number is: intervals for a fraction and for a mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

import torch
from torch import Tensor


@dataclass(frozen=True)
class Interval:
    """A mean over n runs or samples, with the ends of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({100 * self.confidence:g}% interval {self.low:.4g} to {self.high:.4g}, n = {self.n})"


def accuracy_interval(correct: int, total: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a fraction of `correct` among `total` samples.

    With p = correct/total and z the normal quantile: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). Unlike
    p ± z √(p(1−p)/n) it stays inside [0, 1] and does not shrink to nothing when all are right.
    It speaks of other samples from the same source, not of other seeds: for those train again.
    Raises ValueError for fewer than one sample, a count outside 0..total or a confidence outside (0, 1).
    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    if total < 1:
        raise ValueError(f"total is {total}: at least one sample is needed")
    if not 0 <= correct <= total:
        raise ValueError(f"correct is {correct} of {total}: a count from 0 to {total} is needed")
    _require_confidence(confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = correct / total
    centre = p + z**2 / (2 * total)
    reach = z * math.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2)
    shrink = 1 + z**2 / total
    low, high = (centre - reach) / shrink, (centre + reach) / shrink
    # None right and all right put an end exactly on p; rounding must not carry it past.
    low, high = (p if correct == 0 else low), (p if correct == total else high)
    return Interval(p, low, high, total, confidence)


def mean_interval(values: Sequence[float] | Tensor, confidence: float = 0.95) -> Interval:
    """The mean of independent runs with Student's interval: x̄ ± t · s / √n, t of n − 1 degrees of freedom.

    values: one number a run, at least two, finite. Raises ValueError otherwise.
    Source: Student, "The Probable Error of a Mean", 1908.
    """
    runs = as_floats("values", values)
    _require_confidence(confidence)
    if len(runs) < 2:
        raise ValueError(f"values holds {len(runs)} run: one run says nothing of the spread, at least two are needed")
    mean, reach = (
        fmean(runs),
        student_quantile((1 + confidence) / 2, len(runs) - 1) * stdev(runs) / math.sqrt(len(runs)),
    )
    return Interval(mean, mean - reach, mean + reach, len(runs), confidence)


def student_quantile(probability: float, degrees: int) -> float:
    """The t below which Student's distribution with `degrees` degrees of freedom has the given probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def as_floats(name: str, values: Sequence[float] | Tensor) -> list[float]:
    """The values as a list of floats; ValueError for anything but one finite number a run."""
    runs = torch.as_tensor(values, dtype=torch.float64)
    if runs.ndim != 1:
        raise ValueError(f"{name} has shape {tuple(runs.shape)}: one number a run, (n,), is needed")
    if not bool(runs.isfinite().all()):
        raise ValueError(f"{name} holds {int((~runs.isfinite()).sum())} value(s) that are not finite: {runs.tolist()}")
    return runs.tolist()


def _require_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: a number between 0 and 1, such as 0.95, is needed")
