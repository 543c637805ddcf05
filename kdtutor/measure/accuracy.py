"""Accuracy of a classifier, and how sure it is."""

from typing import Protocol

import torch
from torch import Tensor, nn

from kdtutor.measure.evaluation import device_of, evaluation_mode


class Samples(Protocol):
    """Inputs x: (N, ...) and labels y: (N,), as a data set's split has them."""

    @property
    def x(self) -> Tensor:
        """Inputs, (N, ...)."""

    @property
    def y(self) -> Tensor:
        """Labels, (N,)."""


@torch.no_grad()
def accuracy(model: nn.Module, data: Samples | tuple[Tensor, Tensor], batch_size: int = 1000) -> float:
    """Fraction of samples whose largest logit is at their label, from 0 to 1, in evaluation mode.

    data: a split with x and y, or inputs (N, ...) with labels (N,). The model's mode is restored afterwards.
    Raises ValueError for no samples or as many labels as do not fit.
    """
    x, y = data if isinstance(data, tuple) else (data.x, data.y)
    if len(x) != len(y) or not len(y):
        raise ValueError(f"data has {len(x)} inputs and {len(y)} labels: as many of both, and at least one, are needed")
    device = device_of(model, x)
    with evaluation_mode(model):
        right = sum(
            (model(xs.to(device)).argmax(-1) == ys.to(device)).sum()
            for xs, ys in zip(x.split(batch_size), y.split(batch_size), strict=True)
        )
    return int(right) / len(y)
