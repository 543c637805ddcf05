"""What the exercises of unit 07 share: their inputs' ranges and the codes of b bits."""

import torch
from torch import Tensor

Case = tuple[object, ...]


def uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Values drawn evenly between low and high."""
    return low + (high - low) * torch.rand(shape, generator=g)


def ends(bits: int) -> tuple[int, int]:
    """The lowest and the highest code of b bits."""
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def coded_by(weight: Tensor, scale: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Symmetric codes by a given scale, and the scale."""
    top = 2 ** (bits - 1) - 1
    return (weight / scale).round().clamp(-top, top).to(torch.int8), scale
