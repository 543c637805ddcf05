"""One question to the machine, and what it is asked with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from kdtutor.bench.ceilings import Ceilings
from kdtutor.bench.row import Condition, Spread

Size = TypeVar("Size")


class UnavailableError(RuntimeError):
    """This machine cannot do what the row asks; the message says what it lacks."""


class NotInstalledError(RuntimeError):
    """The rival is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Setting:
    """Where and how long is measured. rehearsal: seconds instead of minutes, sizes as small, and no verdicts."""

    device: torch.device
    ceilings: Ceilings
    rehearsal: bool = False

    @property
    def budget(self) -> float:
        """Seconds for the pairs of one row."""
        return 0.1 if self.rehearsal else 5.0

    def size(self, full: Size, rehearsed: Size) -> Size:
        """The size to measure with."""
        return rehearsed if self.rehearsal else full


@dataclass(frozen=True)
class Measurement:
    """What a case found: see `Row`."""

    unit: str
    ours: float
    rival: float
    ratio: Spread
    limit: float | None = None
    condition: Condition | None = None
    note: str = ""


@dataclass(frozen=True)
class Case:
    """What is measured (`ours`) against what (`rival`), and per device what their ratio may be at most, if anything."""

    section: str
    name: str
    ours: str
    rival: str
    measure: Callable[[Setting], Measurement]
    targets: Mapping[str, float] = field(default_factory=dict)
    devices: tuple[str, ...] = ("cpu", "cuda")
