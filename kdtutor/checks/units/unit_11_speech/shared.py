"""What the exercises of unit 11 share: waves, utterances of different lengths."""

import torch
from torch import Generator, Tensor

Case = tuple[object, ...]


def wave(g: Generator, *shape: int, loudness: float = 0.3) -> Tensor:
    """Samples in [-1, 1]: noise."""
    return loudness * (2 * torch.rand(*shape, generator=g) - 1)


def ended(x: Tensor, counts: Tensor) -> Tensor:
    """Utterances (N, T, ...) with zeros behind their ends."""
    heard = torch.arange(x.shape[1]) < counts[:, None]
    return x * heard.view(*heard.shape, *[1] * (x.ndim - 2))
