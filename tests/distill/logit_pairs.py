"""Logits of a student and a teacher that are drawn by a seed, and the strategies that draw them."""

import torch
from hypothesis import strategies as st
from torch import Tensor


def logit_pair(rows: int, classes: int, seed: int, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64) for _ in range(2))


pairs = st.builds(logit_pair, st.integers(1, 6), st.integers(1, 9), st.integers(0, 10**6))
temperatures = st.floats(0.3, 20.0)
