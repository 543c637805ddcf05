"""Which device an experiment runs on, decided once."""

import os
from functools import cache

import torch


@cache
def default_device() -> torch.device:
    """The GPU where there is one, the CPU otherwise; KDTUTOR_DEVICE (such as "cpu" or "cuda:1") overrides.

    Raises ValueError when KDTUTOR_DEVICE names a device that this machine does not have.
    """
    wanted = os.environ.get("KDTUTOR_DEVICE")
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as reason:
        raise ValueError(f"KDTUTOR_DEVICE is {wanted!r}, which this machine cannot use: {reason}") from None
    return torch.device(wanted)
