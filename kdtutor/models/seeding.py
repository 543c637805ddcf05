"""Initial weights from a seed, without touching the global generators."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int | None, device: torch.device | str = "cpu") -> Iterator[None]:
    """Everything drawn inside comes from the seed, on the CPU and on `device`; the state outside stays as it was.

    With None nothing is touched: draws inside go on from where the global generators stand.
    """
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices, enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        yield
