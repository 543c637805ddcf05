"""Inputs that exercises are compared on: drawn from a generator, of awkward shapes on purpose."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Cases = Callable[[torch.Generator], list[tuple[Any, ...]]]


def logits(generator: torch.Generator, *shape: int, scale: float = 3.0) -> Tensor:
    """Normally distributed float32 logits."""
    return scale * torch.randn(*shape, generator=generator)


def distributions(generator: torch.Generator, *shape: int, scale: float = 2.0) -> Tensor:
    """Rows that sum to 1, none of them uniform."""
    return logits(generator, *shape, scale=scale).softmax(-1)


def logit_rows(shapes: Sequence[tuple[int, ...]], temperatures: Sequence[float]) -> Cases:
    """Argument lists (logits, temperature)."""
    return lambda g: [(logits(g, *shape), T) for shape in shapes for T in temperatures]


def logit_pairs(shapes: Sequence[tuple[int, int]], temperatures: Sequence[float]) -> Cases:
    """Argument lists (student_logits, teacher_logits, temperature)."""
    return lambda g: [(logits(g, *shape), logits(g, *shape), T) for shape in shapes for T in temperatures]


def distribution_rows(shapes: Sequence[tuple[int, ...]]) -> Cases:
    """Argument lists (probs,)."""
    return lambda g: [(distributions(g, *shape),) for shape in shapes]


def distribution_pairs(shapes: Sequence[tuple[int, ...]]) -> Cases:
    """Argument lists (p, q)."""
    return lambda g: [(distributions(g, *shape), distributions(g, *shape)) for shape in shapes]
