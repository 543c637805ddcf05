"""Evaluation mode for a while, and the model's own modes back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode inside; outside each is as it was, also after an error.

    `model.train()` at the end would not do: it would wake a BatchNorm that somebody had frozen on purpose.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def device_of(model: nn.Module, otherwise: Tensor) -> torch.device:
    """The device of the model's first parameter or buffer; of `otherwise` for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return otherwise.device
