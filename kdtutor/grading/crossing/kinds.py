"""How an object that both sides know is described in plain values, made from a description, and changed by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdtutor.grading.crossing import parts
from kdtutor.grading.crossing.codec import CodecError, is_array, is_dense, is_key

Lower = Callable[[Any], Any]
Lift = Callable[[Any], Any]
TENSORS = ("tensor", "twin")  # a twin outlives the exchange: a leaf of one side that the other holds as its own
BY_VALUE = ("list", "dict", "set", "array", "generator")


def kind_of(value: Any) -> str | None:
    """The kind of an object whose state can be said in plain values; None for any other."""
    if isinstance(value, Tensor):
        return "tensor" if is_dense(value) else None
    if isinstance(value, np.ndarray):
        return "array" if is_array(value) else None
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "dict" if all(is_key(key) for key in dict.keys(value)) else None
    if isinstance(value, set):
        return "set" if all(is_key(entry) for entry in set.__iter__(value)) else None
    return "generator" if isinstance(value, torch.Generator) else None


def describe(kind: str, value: Any, lower: Lower) -> Any:
    """The object's state: plain values, and other objects as `lower` says them."""
    if kind in TENSORS:
        leaf = value.is_leaf
        grad = value.grad if leaf or value.retains_grad else None
        grad = grad if grad is not None and is_dense(grad) else None
        return value, grad, value.requires_grad, leaf, isinstance(value, nn.Parameter)
    if kind == "list":
        return [lower(entry) for entry in list.__iter__(value)]
    if kind == "dict":
        return {key: lower(entry) for key, entry in dict.items(value)}
    if kind == "set":
        return set(set.__iter__(value))
    if kind == "object":
        return parts.state(value, lower)
    return value.get_state() if kind == "generator" else value


def state_in(kind: str, description: Any) -> Any:
    """What of an object's first description can change: all, but for one that went in pickled."""
    return description["state"] if kind == "object" else description


def build(kind: str, description: Any, lift: Lift, *, attached: bool = False) -> Any:
    """An object from its description. `attached`: its graph is added later, so it has no gradient of its own yet."""
    if kind in TENSORS:
        value, grad, requires_grad, leaf, parameter = description
        if attached:
            return value
        if parameter:
            value = nn.Parameter(value, requires_grad=requires_grad)
        elif requires_grad:
            value.requires_grad_()
        value.grad = grad
        if leaf or not requires_grad:
            return value
        with torch.enable_grad():
            return value.clone()  # no leaf, as outside, and no view of one
    if kind == "list":
        return [lift(entry) for entry in description]
    if kind == "dict":
        return {key: lift(entry) for key, entry in description.items()}
    if kind == "generator":
        generator = torch.Generator()
        generator.set_state(description)
        return generator
    wanted = {"set": set, "array": np.ndarray}[kind]
    if not isinstance(description, wanted):
        raise TypeError(f"a {type(description).__name__} as a {kind}")
    return description


def change(kind: str, value: Any, description: Any, lift: Lift) -> None:
    """Bring an object in place to the state that the description says."""
    if kind in TENSORS:
        _change_tensor(value, description)
    elif kind == "list":
        value[:] = [lift(entry) for entry in description]
    elif kind in ("dict", "set"):
        new = build(kind, description, lift)
        value.clear()
        value.update(new)
    elif kind == "array":
        value[...] = description
    elif kind == "generator":
        value.set_state(description)
    else:
        parts.change(value, description, lift)


def _change_tensor(tensor: Tensor, description: Any) -> None:
    value, grad, requires_grad, *_ = description
    if value.dtype != tensor.dtype:
        raise CodecError(f"a tensor of {tensor.dtype} became one of {value.dtype}")
    with torch.no_grad():
        if value.shape != tensor.shape:
            tensor.data = value.to(tensor.device)
        elif not _same_bytes(value, tensor):
            tensor.detach().copy_(value)
    if tensor.is_leaf:
        tensor.requires_grad_(requires_grad)
        tensor.grad = None if grad is None else grad.to(tensor.device)


def _same_bytes(left: Tensor, right: Tensor) -> bool:
    there = right.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return torch.equal(left.reshape(-1).view(torch.uint8), there.reshape(-1).view(torch.uint8))
