"""What the exercises of unit 09 share: tables of features, labels."""

from typing import Any

import torch
from torch import Tensor

Case = tuple[Any, ...]


def table(g: torch.Generator, rows: int, columns: int) -> Tensor:
    """Correlated features whose variances fall by a third from direction to direction, away from zero."""
    directions, _ = torch.linalg.qr(torch.randn(columns, columns, generator=g, dtype=torch.float64))
    spread = 3.0 * 0.6 ** torch.arange(columns)
    x = torch.randn(rows, columns, generator=g, dtype=torch.float64) * spread @ directions
    return (x + 2 * torch.randn(columns, generator=g, dtype=torch.float64)).float()


def classes(g: torch.Generator, rows: int, count: int) -> Tensor:
    """Labels in a random order, every class at least once."""
    y = torch.cat([torch.arange(count), torch.randint(count, (rows - count,), generator=g)])
    return y[torch.randperm(rows, generator=g)]
