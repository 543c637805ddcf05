"""What the exercises of unit 07 share: their inputs' ranges, the codes of b bits, nearness."""

import torch
from torch import Tensor

Case = tuple[object, ...]


def near(value: Tensor | float, wanted: Tensor | float, tolerance: float = 1e-4) -> bool:
    """Whether two tensors agree within tolerance · (1 + the largest wanted magnitude)."""
    value, wanted = torch.as_tensor(value), torch.as_tensor(wanted)
    return bool((value - wanted).abs().max() <= tolerance * (1 + wanted.abs().max()))


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
