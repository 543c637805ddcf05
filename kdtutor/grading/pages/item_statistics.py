"""How an exercise did in a class: how hard it was, and whether it tells strong from weak learners.

difficulty p = mean of (points earned / points), over the learners for whom the check was graded: 1 is easy, 0 is hard.

discrimination r = Pearson's correlation, over the learners for whom every check was graded, between the points earned
on this exercise and the points earned on all others of the unit: the corrected item-total correlation (the exercise
itself is left out of the total, or it would correlate with itself). A check earns all or nothing, so this is the
point-biserial correlation with the rest score. Its interval is Fisher's: tanh(atanh r ± 1.96 / √(n − 3)), approximate
for such all-or-nothing scores.

Henrysson, Correction of item-total correlations in item analysis, Psychometrika 28, 1963; Fisher, On the "probable
error" of a coefficient of correlation deduced from a small sample, Metron 1, 1921.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kdtutor.grading.records.record import Check, Record

FEWEST = 10  # learners: with fewer, an interval reaches over most of what r can be
ENOUGH = 30  # learners: with fewer, an interval is still wider than ± 0.35
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Discrimination:
    """r and its 95 % interval over n learners; r is None, with the reason, where there is none to speak of."""

    n: int
    r: float | None = None
    low: float = math.nan
    high: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Item:
    """One exercise. n: learners for whom it was graded. attempts: those who handed in something for it.

    seconds, slowest: median and largest CPU time of an attempt.
    """

    name: str
    points: float
    n: int
    attempts: int
    difficulty: float | None
    discrimination: Discrimination
    seconds: float | None
    slowest: float | None


def items(records: Sequence[Record]) -> list[Item]:
    """The exercises of a unit in a class's records, in the order in which they first appear."""
    names = list(dict.fromkeys(check.name for record in records for check in record.checks))
    complete = [record for record in records if _all_graded(record)]
    return [_item(name, records, complete) for name in names]


def _item(name: str, records: Sequence[Record], complete: Sequence[Record]) -> Item:
    graded = [check for check in _checks(name, records) if check.verdict != "not-graded"]
    tried = [check for check in graded if check.verdict != "not-attempted"]
    worth = [check.earned / check.points for check in graded if check.points]
    here = [(sum(check.earned for check in _checks(name, [record])), record.score) for record in complete]
    return Item(
        name=name,
        points=next(iter(_checks(name, records))).points,
        n=len(graded),
        attempts=len(tried),
        difficulty=statistics.fmean(worth) if worth else None,
        discrimination=discrimination([earned for earned, _ in here], [score - earned for earned, score in here]),
        seconds=statistics.median(check.seconds for check in tried) if tried else None,
        slowest=max((check.seconds for check in tried), default=None),
    )


def discrimination(earned: Sequence[float], rest: Sequence[float]) -> Discrimination:
    """The correlation of points on an exercise with points on the rest, learner by learner."""
    n = len(earned)
    if n < FEWEST:
        return Discrimination(n, reason="too few learners")
    if len(set(earned)) == 1:
        return Discrimination(n, reason="all earned the same")
    if len(set(rest)) == 1:
        return Discrimination(n, reason="all earned the same on the rest")
    r = max(-1.0, min(1.0, statistics.correlation(earned, rest)))
    spread = _NORMAL_95 / math.sqrt(n - 3)
    low, high = ((math.tanh(math.atanh(r) + step) if abs(r) < 1 else r) for step in (-spread, spread))
    return Discrimination(n, r, low, high)


def _all_graded(record: Record) -> bool:
    return bool(record.checks) and all(check.verdict != "not-graded" for check in record.checks)


def _checks(name: str, records: Sequence[Record]) -> list[Check]:
    return [check for record in records for check in record.checks if check.name == name]
