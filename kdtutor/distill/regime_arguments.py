"""What the regimes and the teacher cache refuse, beside `arguments`: rows of one network's logits, modules, indices."""

import torch
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.arguments import refuse_nan, require_floating, values_are_readable


def require_rows(name: str, logits: Tensor) -> None:
    """Refuse logits that are not (N, C) with at least one sample and one class, or that hold NaN (on the CPU)."""
    require_floating(name, logits)
    if logits.ndim != 2 or logits.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(logits.shape)}: (N, C) with at least one sample and class is needed")
    refuse_nan(**{name: logits})


def require_module(role: str, module: Module) -> None:
    """Refuse what is no torch.nn.Module."""
    if not isinstance(module, Module):
        raise TypeError(f"{role} is a {type(module).__name__}: a torch.nn.Module is needed")


def require_index(name: str, index: Tensor, count: int, what: str) -> None:
    """Refuse indices that are no integers, or (on the CPU) outside 0..count-1: a wrapped one is a wrong answer."""
    if not isinstance(index, Tensor) or index.is_floating_point() or index.dtype == torch.bool:
        came = str(index.dtype).removeprefix("torch.") if isinstance(index, Tensor) else type(index).__name__
        raise TypeError(f"{name} is {came}: an integer tensor is needed")
    if index.numel() == 0 or not values_are_readable(index):
        return
    low, high = (int(bound) for bound in index.aminmax())
    if not 0 <= low <= high < count:
        raise ValueError(f"{name} ranges from {low} to {high}: with {count} {what} it needs 0 to {count - 1}")


def require_whole(name: str, value: int, low: int) -> None:
    """Refuse what is no whole number, or one below `low`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}: a whole number is needed")
    if value < low:
        raise ValueError(f"{name} is {value}: at least {low} is needed")
