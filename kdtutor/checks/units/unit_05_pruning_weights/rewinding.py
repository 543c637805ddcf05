"""Back to the early weights, under the mask of the late ones."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import (
    Masks,
    draw,
    mask_weights,
    perceptron,
    prunable,
)


def _rewind(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    return prune.rewind(model, early, masks)


def _trained_and_early(g: Generator) -> tuple[nn.Module, dict[str, Tensor], Masks]:
    """A trained network with BatchNorm, the state it had early on, and masks from what it has become."""
    first = perceptron(g, 5, 4, 3)
    model = nn.Sequential(first[0], nn.BatchNorm1d(4), first[1], first[2])
    early = prune.snapshot(model)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(draw(g, *value.shape).abs())
            else:
                value.add_(7)
    masks = {name: prune.magnitude_mask(model.get_parameter(name).detach(), 0.6) for name in prunable(model)}
    return model, early, masks


def _ticket_and_model(f: Solution, model: nn.Module, early: dict[str, Tensor], masks: Masks) -> dict[str, Any]:
    own = copy.deepcopy(model)
    ticket = f(own, early, masks)
    if not isinstance(ticket, nn.Module):
        return {"value": ticket}
    return {
        "value": "a module",
        "state of the ticket": {name: value.clone() for name, value in ticket.state_dict().items()},
        "trained model": {name: value.clone() for name, value in own.state_dict().items()},
    }


def _masked_copy(model: nn.Module, masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    mask_weights(ticket, masks)
    return ticket


def _in_place(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    model.load_state_dict(early)
    mask_weights(model, masks)
    return model


def _weights_alone(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    with torch.no_grad():
        for name, mask in masks.items():
            ticket.get_parameter(name).copy_(early[name] * mask)
    return ticket


def _parameters_alone(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in ticket.named_parameters():
            parameter.copy_(early[name])
    mask_weights(ticket, masks)
    return ticket


def _masked_in_the_snapshot(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    for name, mask in masks.items():
        early[name] *= mask
    ticket = copy.deepcopy(model)
    ticket.load_state_dict(early)
    return ticket


def _unmasked(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    ticket.load_state_dict(early)
    return ticket


def _magnitudes_of_early(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    """New masks, from the early weights: the trained network's choice is thrown away."""
    own = {name: prune.magnitude_mask(early[name], prune.mask_sparsity(mask)) for name, mask in masks.items()}
    return _rewind(model, early, own)


def _rewind_by_loading(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    ticket.load_state_dict({name: value * masks[name] if name in masks else value for name, value in early.items()})
    return ticket


def _rewind_by_copying(model: nn.Module, early: dict[str, Tensor], masks: Masks) -> nn.Module:
    ticket = copy.deepcopy(model)
    for name, value in ticket.state_dict().items():
        value.copy_(early[name])
    for name, mask in masks.items():
        ticket.get_parameter(name).data[~mask] = 0
    return ticket


rewind = Exercise(
    reference=_rewind,
    inputs=lambda g: [_trained_and_early(g), _trained_and_early(g)],
    observe=_ticket_and_model,
    mistakes=[
        Mistake("never rewinds", lambda m, e, k: _masked_copy(m, k),
                "Your ticket has the trained weights under the mask. That is pruning; a ticket goes back to the early weights."),
        Mistake("no mask", _unmasked,
                "Your ticket is the early network, whole. The mask is what the training has found out."),
        Mistake("mask inverted", lambda m, e, k: _rewind(m, e, {name: ~mask for name, mask in k.items()}),
                "You keep the weights that were removed. True means kept."),
        Mistake("masked weights alone go back", _weights_alone,
                "Biases and norms are still trained in your ticket. The whole state goes back, then the masks are applied."),
        Mistake("buffers stay trained", _parameters_alone,
                "The parameters go back, but BatchNorm's statistics are still those after training. They are in the state too."),
        Mistake("trained model overwritten", _in_place,
                "You rewind the trained model itself, so it is lost. Work on a copy: it is the other half of the comparison."),
        Mistake("snapshot masked", _masked_in_the_snapshot,
                "You apply the masks to the snapshot itself, so the next ticket rewinds to a pruned network. Mask the copy."),
        Mistake("masks from the early weights", _magnitudes_of_early,
                "You rank the early weights anew. The masks that are handed in come from the trained network; use those."),
    ],
    styles={
        "a masked state, loaded": _rewind_by_loading,
        "entry by entry": _rewind_by_copying,
        "load, then mask": lambda m, e, k: _masked_copy(_unmasked(m, e, k), k),
    },
    hints=(
        "Three steps: a copy of the model, the early state into it, the masks onto it.",
        "copy.deepcopy(model) and load_state_dict(early) do the first two; load_state_dict copies values, buffers too.",
        "Then multiply in place: the parameter of each name in masks by its mask. Return the copy.",
    ),
)  # fmt: skip
