"""Nearness, as the laws of exercises need it."""

from typing import Any

import torch


def near(value: Any, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Whether two tensors of one shape agree within tolerance · (1 + the largest wanted magnitude).

    wanted: a number too, for every entry. Another shape is not near.
    """
    value, wanted = torch.as_tensor(value).detach(), torch.as_tensor(wanted).detach()
    if wanted.ndim and value.shape != wanted.shape:
        return False
    return bool((value - wanted).abs().max() <= tolerance * (1 + wanted.abs().max()))
