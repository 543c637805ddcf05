"""Small data sets that the tests of this folder share."""

import torch
from torch import Tensor


def table(rows: int, columns: int, seed: int, scale: float = 3.0) -> Tensor:
    """Correlated features of different size, away from zero."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=generator, dtype=torch.float64)
    shift = torch.randn(columns, generator=generator, dtype=torch.float64)
    return scale * (torch.randn(rows, columns, generator=generator, dtype=torch.float64) @ mixing + shift)


def labels(rows: int, classes: int, seed: int) -> Tensor:
    """Class indices, two classes at least among them."""
    y = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed))
    y[0], y[1] = 0, 1
    return y


def labelled(rows: int, columns: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features of which the first tells the class and the last is constant."""
    x, y = table(rows, columns, seed), labels(rows, classes, seed + 1)
    x[:, 0] += 20 * y
    x[:, -1] = 0.1
    return x, y
