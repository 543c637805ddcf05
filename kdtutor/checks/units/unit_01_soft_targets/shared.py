"""What the exercises of unit 01 share: nearness, and distributions with and without an entry of 0."""

import torch
from torch import Tensor

SOME_ZERO = torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
NONE_ZERO = torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])


def near(value: Tensor | float, wanted: Tensor | float, tolerance: float = 1e-4) -> bool:
    """Whether two tensors agree within tolerance · (1 + the largest wanted magnitude)."""
    value, wanted = torch.as_tensor(value), torch.as_tensor(wanted)
    return bool((value - wanted).abs().max() <= tolerance * (1 + wanted.abs().max()))
