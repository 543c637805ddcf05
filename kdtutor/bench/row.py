"""One line of the table: what was measured against what, and what that says. The verdict follows from the numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Literal

Outcome = Literal["measured", "failed", "not available", "not installed"]
Verdict = Literal["reached", "missed", "reported", "rehearsed", "failed", "not available", "not installed"]


@dataclass(frozen=True)
class Spread:
    """The median of n values, and the quartiles between which the middle half of them lay."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        if len(values) < 2:
            (value,) = values
            return cls(value, value, value, 1)
        low, median, high = quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values))


@dataclass(frozen=True)
class Condition:
    """What a comparison stands on beside its ratio, such as the accuracy that a smaller file may lose."""

    what: str
    value: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the value stays within what is allowed; NaN never does."""
        return self.value <= self.most


@dataclass(frozen=True)
class Row:
    """One comparison: `ours` and `rival` in `unit`, and their ratio, below 1 where ours is the smaller.

    target: what the ratio may be at most, None where it is only reported. limit: the least that `ours` can be on this
    machine, from the bytes and operations it needs and the ceilings measured in the same run. rehearsal: measured too
    briefly or too small for a verdict. Where nothing was measured, `outcome` and `reason` say why.
    Raises ValueError for a measured row without figures, or with one that is not finite.
    """

    section: str
    name: str
    ours_is: str
    rival_is: str | None
    unit: str = ""
    ours: float | None = None
    rival: float | None = None
    ratio: Spread | None = None
    target: float | None = None
    limit: float | None = None
    condition: Condition | None = None
    note: str = ""
    rehearsal: bool = False
    outcome: Outcome = "measured"
    reason: str = ""

    def __post_init__(self) -> None:
        if self.outcome != "measured":
            return
        figures = {"ours": self.ours}
        if self.rival_is is not None:
            ratio = self.ratio
            figures |= {"rival": self.rival, "ratio": None if ratio is None else ratio.median}
        if self.limit is not None:
            figures["limit"] = self.limit
        for name, value in figures.items():
            if value is None or not math.isfinite(value) or value <= 0:
                raise ValueError(f"{self.name}: {name} is {value}, a positive, finite figure is needed")

    @property
    def share_of_limit(self) -> float | None:
        """How close `ours` comes to the limit: 1 is all that the machine can do, as far as it could be measured."""
        if self.limit is None or self.ours is None:
            return None
        return self.limit / self.ours

    @property
    def verdict(self) -> Verdict:
        """What the figures say about the target; nothing but them decides."""
        if self.outcome != "measured":
            return self.outcome
        if self.rehearsal:
            return "rehearsed"
        if self.condition is not None and not self.condition.met:
            return "missed"
        if self.target is None:
            return "reported"
        assert self.ratio is not None
        return "reached" if self.ratio.median <= self.target else "missed"
