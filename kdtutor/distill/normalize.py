"""Offset and size taken out of numbers, for losses that do not depend on them.

Where a result does not change with a factor or an offset, that factor or offset may be treated as a constant of the
differentiation: every derivative stays exact, and squares of huge or tiny numbers neither overflow nor vanish.
"""

import torch
from torch import Tensor

from kdtutor.distill.log_probabilities import at_least_float32


def z_score(x: Tensor, smallest_range: float = 0.0) -> Tensor:
    """(x - mean) / std over the last axis, std = √(mean (x - mean)²).

    A row whose entries lie within `smallest_range` of each other is constant: it becomes zeros and passes no gradient.
    """
    top, bottom = x.detach().amax(-1, keepdim=True), x.detach().amin(-1, keepdim=True)
    constant = top - bottom <= smallest_range
    centred = torch.where(constant, 0.0, x - top)
    centred = centred - centred.mean(-1, keepdim=True)
    centred = centred / torch.where(constant, 1.0, centred.detach().abs().amax(-1, keepdim=True))
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.where(constant, 1.0, variance).sqrt()


def unit_scale(features: Tensor) -> Tensor:
    """(N, ...) -> (N, D) in float32 at least, divided by the batch's largest entry: for what does not depend on it."""
    rows = at_least_float32(features).flatten(1)
    largest = rows.detach().abs().amax()
    return rows / torch.where(largest > 0, largest, 1.0)


def unit_length(rows: Tensor) -> Tensor:
    """Each row divided by its length over the last axis; a row of zeros stays zeros, without gradient."""
    largest = rows.detach().abs().amax(-1, keepdim=True)
    rows = torch.where(largest > 0, rows, 0.0) / torch.where(largest > 0, largest, 1.0)
    length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows / torch.where(largest > 0, length, 1.0)
