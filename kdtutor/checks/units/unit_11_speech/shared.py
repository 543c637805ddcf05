"""What the exercises of unit 11 share: nearness, waves, utterances of different lengths."""

import torch
from torch import Generator, Tensor

Case = tuple[object, ...]


def near(value: Tensor | float, wanted: Tensor | float, tolerance: float = 1e-4) -> bool:
    """Whether two tensors agree within tolerance · (1 + the largest wanted magnitude)."""
    value, wanted = torch.as_tensor(value), torch.as_tensor(wanted)
    return bool((value - wanted).abs().max() <= tolerance * (1 + wanted.abs().max()))


def wave(g: Generator, *shape: int, loudness: float = 0.3) -> Tensor:
    """Samples in [-1, 1]: noise."""
    return loudness * (2 * torch.rand(*shape, generator=g) - 1)


def ended(x: Tensor, counts: Tensor) -> Tensor:
    """Utterances (N, T, ...) with zeros behind their ends."""
    heard = torch.arange(x.shape[1]) < counts[:, None]
    return x * heard.view(*heard.shape, *[1] * (x.ndim - 2))
