"""Shrinking whole models: every group of coupled channels loses the same units in all the layers that know them."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kdtutor.prune.arguments import Keep, kept_indices
from kdtutor.prune.coupling import ChannelGroup
from kdtutor.prune.criteria import Norm, neuron_scores
from kdtutor.prune.structured import keep_inputs, keep_outputs, spread

Groups = Mapping[str, ChannelGroup]


def shrink(model: nn.Module, keep: Mapping[str, Keep], groups: Groups) -> nn.Module:
    """A new, smaller model without the channels that `keep` leaves out.

    keep: name of a layer → its kept output units, as a boolean mask (True = kept) or indices; any writer's name stands
    for its whole group. groups: from `channel_groups(model, example)`, or written by hand. Channels tied by skip
    connections go together, in all layers of their group. The model itself is untouched.
    Where the removed channels were zero (see `group_masks`), the outputs stay the same up to rounding.
    Raises ValueError for unknown or fixed names (with the reason), and for two different keeps of one group.
    """
    small = copy.deepcopy(model)
    for group, chosen in _chosen(keep, groups):
        for name in group.writers:
            _replace(small, name, keep_outputs(small.get_submodule(name), chosen))
        for name, positions in group.carriers.items():
            _replace(small, name, keep_outputs(small.get_submodule(name), spread(chosen, positions)))
        for name, positions in group.readers.items():
            _replace(small, name, keep_inputs(small.get_submodule(name), chosen, positions=positions))
    return small


def group_masks(model: nn.Module, keep: Mapping[str, Keep], groups: Groups) -> dict[str, Tensor]:
    """Parameter masks that silence the channels `shrink` would remove: rows of weights, biases, γ and β.

    Under them the removed channels are zero throughout, as long as the functions in between map zero to zero (ReLU,
    GELU, tanh do, a sigmoid does not), so that masked training can come first and shrinking last.
    Returns parameter name → mask, True = kept. Raises as `shrink`, and for a BatchNorm without γ and β, which turns a
    zero channel into −μ/σ.
    """
    masks: dict[str, Tensor] = {}
    for group, chosen in _chosen(keep, groups):
        for name, positions in (dict.fromkeys(group.writers, 1) | dict(group.carriers)).items():
            module = model.get_submodule(name)
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.affine:
                raise ValueError(f"{name} ({type(module).__name__}) has affine=False: it cannot be silenced by masks")
            kept = spread(chosen, positions)
            for key, parameter in module.named_parameters(recurse=False):
                if isinstance(module, nn.PReLU):
                    continue
                mask = torch.zeros_like(parameter, dtype=torch.bool)
                mask[kept.to(parameter.device)] = True
                masks[f"{name}.{key}"] = mask
    return masks


def group_scores(model: nn.Module, group: ChannelGroup, norm: Norm = "l1") -> Tensor:
    """`neuron_scores` of a group: the norm of each channel's weights over all the layers that write it.

    Returns (channels,) in float32 at least. Raises ValueError for a group without writers or an unknown norm.
    Source: Fang et al., "DepGraph: Towards Any Structural Pruning", section 3.3, 2023 (scoring a group as one).
    """
    if not group.writers:
        raise ValueError("group has no writers: there are no weights to score")
    order = 1 if norm == "l1" else 2
    each = torch.stack([neuron_scores(_weight(model, name), norm) for name in group.writers])
    return torch.linalg.vector_norm(each, ord=order, dim=0)


def _weight(model: nn.Module, name: str) -> Tensor:
    weight = model.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight


def _chosen(keep: Mapping[str, Keep], groups: Groups) -> list[tuple[ChannelGroup, Tensor]]:
    """Each group to be shrunk, once, with the indices kept."""
    if not isinstance(keep, Mapping):
        raise TypeError(f"keep is a {type(keep).__name__}: a dict from layer name to kept units is needed")
    owner = {writer: key for key, group in groups.items() for writer in group.writers}
    chosen: dict[str, Tensor] = {}
    for name, units in keep.items():
        if name not in owner:
            raise ValueError(f"keep names {name!r}, which writes no channels; these do: {', '.join(owner) or 'none'}")
        group = groups[owner[name]]
        if group.fixed is not None:
            raise ValueError(f"keep names {name!r}, whose {group.channels} channels are fixed: {group.fixed}")
        indices = kept_indices(units, group.channels, f"the group of {', '.join(group.writers)}").cpu()
        earlier = chosen.setdefault(owner[name], indices)
        if not torch.equal(earlier, indices):
            raise ValueError(
                f"keep names {name!r} and another layer of its group with different units: "
                f"{', '.join(group.writers)} share one stream and keep the same"
            )
    return [(groups[key], indices) for key, indices in chosen.items()]


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put the new module wherever the old one is known, under every name."""
    old = model.get_submodule(name)
    for place, module in list(model.named_modules(remove_duplicate=False)):
        if module is old:
            model.set_submodule(place, new)
