r"""Removing neurons and channels for good: new, smaller layers.

A unit j is removed from three places: from the layer that writes it (row j of the weight, entry j of the bias), from
what it passes through (BatchNorm's γ_j, β_j, μ_j, σ²_j; filter j of a depthwise convolution), and from every layer that
reads it (column j, or after flattening a map of P positions the columns jP to jP + P − 1).

Everything here returns new modules with their own storage, of the same kind, dtype, device, mode and settings.
`keep` is a boolean mask over the units (True = kept), or the indices of those kept, in the order they shall have.
"""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from kdtutor.prune.arguments import (
    Keep,
    kept_indices,
    require_count,
    require_plain,
    require_sparsity,
    require_values,
)
from kdtutor.prune.masks import keep_highest
from kdtutor.prune.selection import removed_count

Layer = TypeVar("Layer", bound=nn.Module)

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)


def remove_neurons(first: nn.Linear, second: nn.Linear, keep: Keep) -> tuple[nn.Linear, nn.Linear]:
    """Two Linear layers with only the kept neurons between them: W₁[keep], b₁[keep] and W₂[:, keep].

    first: weight (hidden, in). second: weight (out, hidden), reading first's output through functions of single units.
    keep: over hidden. Returns (first, second), new. Where a removed neuron's output was always zero, second's outputs
    stay the same. Raises TypeError for other modules, ValueError for widths that do not meet or a keep that does not
    fit or keeps nothing.
    """
    _require_kind("first", first, (nn.Linear,), "Linear")
    _require_kind("second", second, (nn.Linear,), "Linear")
    if second.in_features != first.out_features:
        raise ValueError(
            f"second reads {second.in_features} features, first writes {first.out_features}: both need the same number"
        )
    return keep_outputs(first, keep), keep_inputs(second, keep)


def remove_channels(
    conv: nn.Module, norm: nn.Module | None, following: nn.Module, keep: Keep
) -> tuple[nn.Module, nn.Module | None, nn.Module]:
    """A convolution, its normalisation and what reads them, with only the kept channels between them.

    conv: Conv1d–3d with groups=1, weight (channels, in, ...). norm: BatchNorm or InstanceNorm over its channels, or
    None. following: a Conv with groups=1, or a Linear that reads the flattened map (its in_features are channels ·
    positions). keep: over the channels. Returns (conv, norm, following), new.
    Raises TypeError for other modules, ValueError for grouped convolutions and numbers of channels that do not meet.
    For skip connections, depthwise convolutions and whole models see `channel_groups` and `shrink`.
    Source: Li, Kadav, Durdanovic, Samet, Graf, "Pruning Filters for Efficient ConvNets", section 3, 2017; Liu et al.,
    "Learning Efficient Convolutional Networks through Network Slimming", 2017 (with BatchNorm).
    """
    _require_kind("conv", conv, CONVOLUTIONS, "Conv1d, Conv2d or Conv3d")
    assert isinstance(conv, CONVOLUTIONS)
    if conv.groups != 1:
        raise ValueError(f"conv has groups={conv.groups}: {_GROUPED}")
    if norm is not None:
        _require_kind("norm", norm, NORMS, "BatchNorm or InstanceNorm (others mix channels), or None,")
        if norm.num_features != conv.out_channels:
            raise ValueError(
                f"norm has {norm.num_features} features, conv writes {conv.out_channels} channels: "
                "both need the same number"
            )
    _require_kind("following", following, (*CONVOLUTIONS, nn.Linear), "Conv1d–3d or Linear")
    positions = 1
    if isinstance(following, nn.Linear):
        positions, rest = divmod(following.in_features, conv.out_channels)
        if rest:
            raise ValueError(
                f"following reads {following.in_features} features, conv writes {conv.out_channels} channels: "
                "a multiple is needed, channels · positions of the flattened map"
            )
    elif following.in_channels != conv.out_channels:
        raise ValueError(
            f"following reads {following.in_channels} channels, conv writes {conv.out_channels}: "
            "both need the same number"
        )
    return (
        keep_outputs(conv, keep),
        None if norm is None else keep_outputs(norm, keep),
        keep_inputs(following, keep, positions=positions),
    )


def keep_outputs(layer: Layer, keep: Keep) -> Layer:
    """A new layer with only the kept of its output units.

    layer: Linear or Conv with groups=1 (rows of weight and bias); BatchNorm, InstanceNorm, a depthwise Conv or a PReLU
    with one slope a channel, which lose the same units on both sides. keep: over the layer's output units.
    Raises TypeError for other modules, ValueError for other grouped convolutions or a keep that does not fit.
    """
    require_plain("layer", layer)
    new = copy.deepcopy(layer)
    size = units(layer)
    chosen = kept_indices(keep, size, f"{type(layer).__name__} with {size} units")
    for name in ("weight", "bias", "running_mean", "running_var"):
        _select(new, name, chosen, axis=0)
    kept = len(chosen)
    if isinstance(new, nn.Linear):
        new.out_features = kept
    elif isinstance(new, CONVOLUTIONS):
        if is_depthwise(new):
            new.in_channels = new.groups = kept
        new.out_channels = kept
    elif isinstance(new, nn.PReLU):
        new.num_parameters = kept
    else:
        new.num_features = kept  # type: ignore[assignment]
    return new


def keep_inputs(layer: Layer, keep: Keep, *, positions: int = 1) -> Layer:
    """A new Linear or Conv that reads only the kept units: the kept columns of its weight.

    keep: over the units it reads. positions: how many consecutive inputs belong to each unit, 1 unless a map was
    flattened in between. Raises TypeError for other modules, ValueError for grouped convolutions or numbers that do not
    meet.
    """
    _require_kind("layer", layer, (*CONVOLUTIONS, nn.Linear), "Linear or Conv1d–3d")
    require_plain("layer", layer)
    require_count("positions", positions, 1, "a whole number of inputs for each unit, at least 1, is needed")
    if isinstance(layer, CONVOLUTIONS) and layer.groups != 1:
        raise ValueError(f"layer has groups={layer.groups}: {_GROUPED}")
    inputs = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    assert isinstance(inputs, int)
    if inputs % positions:
        raise ValueError(f"layer reads {inputs} inputs: they do not divide into units of {positions} positions")
    chosen = kept_indices(keep, inputs // positions, f"{type(layer).__name__} that reads {inputs // positions} units")
    new = copy.deepcopy(layer)
    _select(new, "weight", spread(chosen, positions), axis=1)
    if isinstance(new, nn.Linear):
        new.in_features = len(chosen) * positions
    else:
        new.in_channels = len(chosen)  # type: ignore[assignment]
    return new


def keep_channels(scores: Tensor, sparsity: float, *, multiple_of: int = 1) -> Tensor:
    """Mask over whole units that removes the lowest scores, and leaves a number of units that hardware likes.

    scores: (units,), see `neuron_scores`. About round(sparsity · units) are removed: what is kept is rounded up to a
    multiple of `multiple_of` and is at least one unit. Returns (units,), True = kept.
    Raises ValueError for scores with more than one axis or a sparsity outside [0, 1].
    """
    require_values("scores", scores)
    require_sparsity(sparsity)
    require_count("multiple_of", multiple_of, 1, "a whole number, at least 1, is needed")
    if scores.ndim != 1:
        raise ValueError(f"scores has shape {tuple(scores.shape)}: one score a unit, (units,), is needed")
    size = len(scores)
    kept = max(1, size - removed_count(sparsity, size))
    kept = min(size, -(-kept // multiple_of) * multiple_of)
    return keep_highest(scores, (size - kept) / size)


def spread(chosen: Tensor, positions: int) -> Tensor:
    """Indices of the inputs that belong to the chosen units when each has `positions` consecutive ones."""
    return (chosen[:, None] * positions + torch.arange(positions, device=chosen.device)).flatten()


def is_depthwise(layer: nn.Module) -> bool:
    """Whether the layer is a convolution in which each channel is filtered by itself: groups = in = out > 1."""
    return isinstance(layer, CONVOLUTIONS) and 1 < layer.groups == layer.in_channels == layer.out_channels


def units(layer: nn.Module) -> int:
    """How many units (neurons, channels) a layer puts out, where they can be removed; otherwise refused in words."""
    if isinstance(layer, nn.Linear):
        return layer.out_features
    if isinstance(layer, CONVOLUTIONS):
        if layer.groups != 1 and not is_depthwise(layer):
            raise ValueError(f"layer has groups={layer.groups}: {_GROUPED}")
        return layer.out_channels
    if isinstance(layer, NORMS):
        return layer.num_features
    if isinstance(layer, nn.PReLU) and layer.num_parameters > 1:
        return layer.num_parameters
    raise TypeError(
        f"layer is a {type(layer).__name__}: Linear, Conv1d–3d, BatchNorm, InstanceNorm or a PReLU with one slope "
        "a channel is needed (LayerNorm and GroupNorm mix channels: removing one changes the others)"
    )


_GROUPED = (
    "the channels of a grouped convolution go only in whole, equal groups; groups=1 is needed, "
    "or a depthwise convolution inside `shrink`"
)


def _select(module: nn.Module, name: str, chosen: Tensor, axis: int) -> None:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        return
    fewer = tensor.detach().index_select(axis, chosen.to(tensor.device))
    if isinstance(tensor, nn.Parameter):
        setattr(module, name, nn.Parameter(fewer, requires_grad=tensor.requires_grad))
    else:
        setattr(module, name, fewer)


def _require_kind(name: str, module: nn.Module, kinds: tuple[type[nn.Module], ...], wanted: str) -> None:
    if not isinstance(module, kinds):
        raise TypeError(f"{name} is a {type(module).__name__}: {wanted} is needed")
