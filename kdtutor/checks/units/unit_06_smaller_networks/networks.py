"""Layers that the exercises are compared on, and what of a layer is compared."""

from typing import Any, TypeVar

import torch
from torch import Generator, Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def drawn(module: Module, g: Generator) -> Module:
    """The module with every parameter and running statistic drawn anew, no two of them equal."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                fresh = torch.randn(value.shape, generator=g)
                value.copy_(fresh.abs() + 0.5 if name.endswith("running_var") else fresh)
    return module


def mask_keeping(g: Generator, size: int, kept: int) -> Tensor:
    """A boolean mask, True = kept; which ones is drawn, but never simply the first `kept`."""
    keep = torch.zeros(size, dtype=torch.bool)
    keep[torch.randperm(size - 1, generator=g)[: kept - 1]] = True
    keep[size - 1] = True
    return keep


def numbers(module: Any) -> Any:
    """The weights and statistics of a module, and the settings that its shape depends on; anything else as it is."""
    if not isinstance(module, nn.Module):
        return module
    kept = {name: v.clone() for name, v in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    settings = {
        name: str(getattr(module, name))
        for name in ("in_features", "out_features", "in_channels", "out_channels", "num_features", "stride", "padding")
        if hasattr(module, name)
    }
    return {"kind": type(module).__name__, **kept, **settings}


def first_ones(keep: Tensor) -> Tensor:
    """A mask that keeps as many, but always the first."""
    return torch.arange(len(keep)) < keep.sum()
