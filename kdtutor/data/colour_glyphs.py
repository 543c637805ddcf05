"""Colour glyphs: the ten digits in the format of CIFAR-10, for machines that do not have CIFAR-10. Made from a seed.

Digit and ground each have a colour of their own, and the ground runs from one colour to another, so that neither
brightness nor any single channel tells the digit.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.data.dataset import Dataset, Split
from kdtutor.data.glyphs import CHARACTERS, draw_ink

CLASSES, SIZE = 10, 32
NOISE = 0.1


def colour_glyphs(seed: int = 0, *, train: int = 8000, validation: int = 2000, test: int = 4000) -> Dataset:
    """Ten digits as coloured pictures, the same for the same seed and sizes: CIFAR-10's shape, other content.

    x: (N, 3, 32, 32) float32 in [0, 1]. y: (N,) int64, the digit. train, validation, test: pictures in each part; a
    thousand take 12 MB. Raises ValueError for a part without pictures.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    for name, count in sizes.items():
        if count < 1:
            raise ValueError(f"{name} is {count}: at least one picture is needed")
    generator = torch.Generator().manual_seed(seed)
    return Dataset("colour-glyphs", tuple(CHARACTERS[:CLASSES]), **{k: draw(n, generator) for k, n in sizes.items()})


def draw(n: int, generator: torch.Generator) -> Split:
    """Draw n coloured digits: x (n, 3, 32, 32) float32 in [0, 1], y (n,) int64."""
    y, ink = draw_ink(n, CLASSES, SIZE, generator)
    corners = torch.rand(n, 3, 2, 2, generator=generator)
    middle = corners.mean((2, 3), keepdim=True)
    corners = middle + 0.5 * (corners - middle)
    colour = _away_from(middle, torch.randn(n, 3, 1, 1, generator=generator))
    ground = F.interpolate(corners, size=(SIZE, SIZE), mode="bilinear", align_corners=True)
    noise = NOISE * torch.randn(n, 3, SIZE, SIZE, generator=generator)
    return Split((ground + ink * (colour - ground) + noise).clamp_(0, 1), y)


def _away_from(middle: Tensor, direction: Tensor) -> Tensor:
    """Where a ray from `middle` (n, 3, 1, 1) into the roomier half of each channel leaves the cube of colours.

    That is at least half a side away, so ink and the middle of its ground never look alike.
    """
    unit = torch.where(middle < 0.5, 1.0, -1.0) * F.normalize(direction.abs(), dim=1)
    room = torch.where(unit > 0, 1 - middle, middle) / unit.abs().clamp_min(1e-6)
    return middle + unit * room.amin(1, keepdim=True)
