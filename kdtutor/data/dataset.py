"""What every data set of the course is: named classes and splits of inputs with labels."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Inputs x: (N, ...) and labels y: (N,) int64; for sequences x and y are (N, T) tokens, y the next ones."""

    x: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"x holds {len(self.x)} samples, y {len(self.y)}: both need the same number")

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Tensor | slice) -> "Split":
        return Split(self.x[index], self.y[index])

    def to(self, device: torch.device | str) -> "Split":
        """The same samples on `device`."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Dataset:
    """Three splits over the same classes. Choose on `validation`, report on `test`, and look at `test` once."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set on `device`."""
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )
