"""Counts that need no clock."""

from torch import nn


def parameters(model: nn.Module) -> int:
    """How many trainable and frozen parameters the model has, a shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())
