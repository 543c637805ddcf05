"""Choosing the smallest scores, an exact number of them, ties by position."""

import torch
from torch import Tensor


def removed_count(sparsity: float, size: int) -> int:
    """round(sparsity · size), Python's round: halves go to the even count."""
    return round(sparsity * size)


def without_smallest(scores: Tensor, count: int) -> Tensor:
    """Mask without the `count` smallest scores along the last axis; of equal ones the first go first."""
    if count == 0 or scores.numel() == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    threshold = _kth_smallest(scores, count)
    below, tied = scores < threshold, scores == threshold
    room = count - below.sum(-1, keepdim=True)
    return ~(below | (tied & (tied.cumsum(-1) <= room)))


def _kth_smallest(scores: Tensor, k: int) -> Tensor:
    # Selection beats sorting several times over on a CPU; on a GPU it is serial and not deterministic.
    if scores.device.type == "cpu":
        return scores.kthvalue(k, dim=-1, keepdim=True).values
    return scores.sort(dim=-1).values[..., k - 1 : k]
