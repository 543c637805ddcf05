r"""Keeping pruned weights at zero while the rest is trained.

Three things move a weight whose gradient is zero: weight decay, momentum that it gathered before, and the statistics
of an adaptive optimiser. So the mask m falls on the gradient, on the optimiser's state and on the weight:
g ← m ⊙ g, step, v ← m ⊙ v, w ← m ⊙ w. Nothing is added to the model: its parameters, its file and its deepcopy are
those of the dense model.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from kdtutor.prune.arguments import parameters_of, require_mask, require_plain

_PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of Linear and Conv layers by parameter name; biases and norms are few and are left alone.

    Returns the model's own parameters, so what is done to them in place is done to the model.
    Raises ValueError for a weight that is not a parameter, as under torch.nn.utils.prune.
    """
    weights: dict[str, nn.Parameter] = {}
    for name, module in model.named_modules():
        if isinstance(module, _PRUNABLE):
            require_plain(name or "model", module)
            weights[f"{name}.weight" if name else "weight"] = cast(nn.Parameter, module.weight)
    return weights


@torch.no_grad()
def apply_masks_(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the removed weights of the model to zero, in place. masks: parameter name → boolean mask, True = kept.

    One call lasts until the next optimiser step: train with `masked_step_` or inside `masks_held`.
    Raises ValueError for a name that the model lacks or a mask that does not fit.
    """
    for parameter, mask in _pairs(model, masks):
        parameter.masked_fill_(~mask, 0)


def masked_copy(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A deep copy of the model with the removed weights at zero; the model itself is untouched."""
    pruned = copy.deepcopy(model)
    apply_masks_(pruned, masks)
    return pruned


@torch.no_grad()
def masked_step_(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Mapping[str, Tensor]) -> None:
    """One optimiser step after which every removed weight is exactly zero, with nothing stored to move it later.

    Changes the gradients, the optimiser's state and the weights of `model` in place. masks: parameter name → boolean
    mask, True = kept. Call it instead of optimizer.step(), after backward().
    Raises ValueError for masks that do not fit, or an optimiser that trains none of the masked parameters.
    """
    pairs = _pairs(model, masks)
    _require_trained(optimizer, pairs)
    for parameter, mask in pairs:
        if parameter.grad is not None:
            parameter.grad.masked_fill_(~mask, 0)
    optimizer.step()
    _mask_weights_and_state(optimizer, pairs)


@contextmanager
def masks_held(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Mapping[str, Tensor]) -> Iterator[None]:
    """The masks are applied at once, and in this block every optimizer.step() is a `masked_step_`, whoever calls it.

    Gradients are masked as they arise, so that clipping by norm sees only what is trained. Afterwards no hook is left
    on model or optimiser. Raises as `masked_step_`.
    """
    pairs = _pairs(model, masks)
    _require_trained(optimizer, pairs)
    _mask_weights_and_state(optimizer, pairs)
    handles = [
        parameter.register_hook(lambda gradient, gone=~mask: gradient.masked_fill(gone, 0))
        for parameter, mask in pairs
        if parameter.requires_grad
    ]
    handles.append(optimizer.register_step_post_hook(lambda *_: _mask_weights_and_state(optimizer, pairs)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _mask_weights_and_state(optimizer: torch.optim.Optimizer, pairs: list[tuple[nn.Parameter, Tensor]]) -> None:
    for parameter, mask in pairs:
        parameter.masked_fill_(~mask, 0)
        for state in optimizer.state.get(parameter, {}).values():
            if isinstance(state, Tensor) and state.shape == parameter.shape:
                state.masked_fill_(~mask, 0)


def _pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> list[tuple[nn.Parameter, Tensor]]:
    if not isinstance(masks, Mapping):
        raise TypeError(f"masks is a {type(masks).__name__}: a dict from parameter name to mask is needed")
    parameters = parameters_of(model, masks, "masks")
    for name, parameter in parameters.items():
        require_mask(f"masks[{name!r}]", masks[name], parameter.shape)
    return [(parameter, masks[name].to(parameter.device)) for name, parameter in parameters.items()]


def _require_trained(optimizer: torch.optim.Optimizer, pairs: list[tuple[nn.Parameter, Tensor]]) -> None:
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if pairs and not any(id(parameter) in trained for parameter, _ in pairs):
        raise ValueError("optimizer trains none of the masked parameters: was it made for another copy of the model?")
