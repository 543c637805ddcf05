"""Is it better? A comparison over paired seeds that may answer "no gain" or "cannot tell"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from kdtutor.measure.interval import as_floats, mean_interval

Verdict = Literal["gain", "no gain", "cannot tell"]


@dataclass(frozen=True)
class Comparison:
    """The mean of method − baseline over n paired seeds, its interval, and what that interval lets one say."""

    difference: float
    low: float
    high: float
    n: int
    smallest_gain: float
    confidence: float
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.verdict}: the mean difference over {self.n} paired seeds is {self.difference:+.4g}, "
            f"{100 * self.confidence:g}% interval {self.low:+.4g} to {self.high:+.4g}, "
            f"and a gain is worth having from {self.smallest_gain:.4g}"
        )


def paired_comparison(
    method: Sequence[float] | Tensor,
    baseline: Sequence[float] | Tensor,
    *,
    smallest_gain: float,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two ways of training that were run with the same seeds and the same budget.

    method[i] and baseline[i] are the two results under seed i, larger is better; for losses or times exchange the
    two. The differences d_i = method[i] − baseline[i] get Student's interval. smallest_gain δ >= 0, in the same
    unit, is what you decided beforehand to be worth having. The verdict:

    - "no gain": the interval ends below δ (or at 0 for δ = 0), so a gain worth having is ruled out;
    - "gain": the interval lies above 0 and reaches δ;
    - "cannot tell": neither; more seeds would narrow the interval.

    Raises ValueError for fewer than two pairs, lists of different length, values that are not finite or δ < 0.
    Source: Student, "The Probable Error of a Mean", section IX (paired differences), 1908; Schuirmann, "A Comparison
    of the Two One-Sided Tests Procedure and the Power Approach", 1987 (ruling a difference out).
    """
    ours, theirs = as_floats("method", method), as_floats("baseline", baseline)
    if len(ours) != len(theirs):
        raise ValueError(f"method has {len(ours)} runs, baseline {len(theirs)}: one of each a seed is needed")
    if len(ours) < 2:
        raise ValueError(f"method and baseline have {len(ours)} run each: at least two paired seeds are needed")
    if not 0 <= smallest_gain < float("inf"):
        raise ValueError(f"smallest_gain is {smallest_gain}: a finite difference, zero or more, is needed")
    gain = mean_interval([a - b for a, b in zip(ours, theirs, strict=True)], confidence)
    verdict = _verdict(gain.low, gain.high, smallest_gain)
    return Comparison(gain.mean, gain.low, gain.high, gain.n, smallest_gain, confidence, verdict)


def _verdict(low: float, high: float, smallest_gain: float) -> Verdict:
    if high < smallest_gain or high <= 0:
        return "no gain"
    return "gain" if low > 0 else "cannot tell"
