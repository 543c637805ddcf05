"""Accuracy of a classifier."""

import torch
from torch import Tensor, nn

from kdtutor.data.dataset import Split


@torch.no_grad()
def accuracy(model: nn.Module, data: Split | tuple[Tensor, Tensor], batch_size: int = 1000) -> float:
    """Fraction of samples whose largest logit is at their label, from 0 to 1, in evaluation mode.

    data: a Split, or inputs (N, ...) with labels (N,). The model's mode is restored afterwards.
    Raises ValueError for no samples or as many labels as do not fit.
    """
    x, y = (data.x, data.y) if isinstance(data, Split) else data
    if len(x) != len(y) or not len(y):
        raise ValueError(f"data has {len(x)} inputs and {len(y)} labels: as many of both, and at least one, are needed")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    device = next((p.device for p in model.parameters()), x.device)
    try:
        right = sum(
            int((model(xs.to(device)).argmax(-1) == ys.to(device)).sum())
            for xs, ys in zip(x.split(batch_size), y.split(batch_size), strict=True)
        )
    finally:
        for module, training in modes.items():
            module.training = training
    return right / len(y)
