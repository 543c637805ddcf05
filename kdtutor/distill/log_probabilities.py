"""The log-probabilities that every loss on logits is made of, right also at their limits (p = 0, log p = -inf)."""

import math
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

Reduction = Literal["batchmean", "sum", "none"]
Loss = TypeVar("Loss", bound=Callable[..., Tensor])


def mean_of_rows(loss: Loss) -> Loss:
    """Mark a loss whose value is the plain mean of what reduction="none" gives, each row's value its own alone.

    The rows of several students may then be computed as one batch: `kdtutor.training.fit_many` does so.
    """
    loss.mean_of_rows = True  # type: ignore[attr-defined]
    return loss


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or in float64 if that is what it came in: half precision stores logits, it does not sum them."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def log_softened(logits: Tensor, temperature: float) -> Tensor:
    """log p(T) = log softmax(z / T) over the last axis."""
    return F.log_softmax(at_least_float32(logits) / temperature, dim=-1)


def kl_terms(log_p: Tensor, log_q: Tensor) -> Tensor:
    """p (log p - log q) for each class; a class that p rules out adds nothing, also where q rules it out."""
    p = log_p.exp()
    return p * torch.where(p > 0, log_p - log_q, 0.0)


def log_mixture(log_p: Tensor, log_q: Tensor, weight: float = 0.5) -> Tensor:
    """log(w p + (1 - w) q), 0 < w < 1; the clamp keeps the gradient of a class impossible to both at 0, not NaN."""
    lowest = torch.finfo(log_p.dtype).min / 2
    return torch.logaddexp(log_p.clamp_min(lowest) + math.log(weight), log_q.clamp_min(lowest) + math.log1p(-weight))


def reduced(per_row: Tensor, reduction: Reduction) -> Tensor:
    """The rows' mean, their sum, or the rows themselves. ValueError for another name."""
    match reduction:
        case "batchmean":
            return per_row.mean()
        case "sum":
            return per_row.sum()
        case "none":
            return per_row
    raise ValueError(f"reduction is {reduction!r}: one of 'batchmean', 'sum', 'none' is needed")
