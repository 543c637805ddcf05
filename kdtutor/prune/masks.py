r"""Which weights stay: boolean masks, True = kept.

One rule everywhere. Of n entries exactly round(sparsity · n) are removed, with Python's `round` (halves go to the even
count), namely those with the smallest scores. Among equal scores the first position in row-major order is removed
first; across several tensors, the first tensor first.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from kdtutor.prune.arguments import (
    require_generator,
    require_mask,
    require_sparsity,
    require_values,
    require_weights,
    values_are_readable,
)
from kdtutor.prune.selection import removed_count, without_smallest


def keep_highest(scores: Tensor, sparsity: float, *, within: Tensor | None = None) -> Tensor:
    """Mask that removes the round(sparsity · numel) smallest of `scores`, whatever the scores mean.

    scores: any shape, floating point. within: an earlier mask; what it removed stays removed and counts toward
    `sparsity`, which is how iterative pruning avoids compounding. Returns a boolean mask of the scores' shape, on
    their device, without gradient.
    Raises ValueError for a sparsity outside [0, 1], NaN (on the CPU), or a `within` that removed more already.
    """
    require_values("scores", scores)
    require_sparsity(sparsity)
    count = removed_count(sparsity, scores.numel())
    flat = scores.detach().flatten()
    if within is None:
        return without_smallest(flat, count).view(scores.shape)
    require_mask("within", within, scores.shape)
    return _within(flat, count, within.to(scores.device).flatten()).view(scores.shape)


def magnitude_mask(weight: Tensor, sparsity: float, *, within: Tensor | None = None) -> Tensor:
    """Mask that removes the round(sparsity · numel) entries with the smallest |w|.

    weight: any shape, floating point. within: as in `keep_highest`. Returns a boolean mask, True = kept, of the
    weight's shape and on its device. Raises as `keep_highest`.
    Source: Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient Neural Networks", section 3,
    2015.
    """
    require_values("weight", weight)
    return keep_highest(weight.detach().abs(), sparsity, within=within)


def random_mask(weight: Tensor, sparsity: float, generator: torch.Generator, *, within: Tensor | None = None) -> Tensor:
    """Mask that removes round(sparsity · numel) entries, every choice of them equally likely.

    weight: any shape, only its shape and device matter. generator: drawn from on its own device, so a CPU generator
    gives the same mask on every device. within: as in `keep_highest`. Returns a boolean mask, True = kept.
    Raises TypeError without a generator, ValueError for a sparsity outside [0, 1].
    """
    require_values("weight", weight)
    require_generator(generator)
    require_sparsity(sparsity)
    order = torch.randperm(weight.numel(), generator=generator, device=generator.device).to(weight.device)
    count = removed_count(sparsity, weight.numel())
    if within is None:
        return (order >= count).view(weight.shape)
    require_mask("within", within, weight.shape)
    return _within(order, count, within.to(weight.device).flatten()).view(weight.shape)


def layer_magnitude_masks(weights: Mapping[str, Tensor], sparsity: float | Mapping[str, float]) -> dict[str, Tensor]:
    """`magnitude_mask` of each tensor by itself: every layer loses the same fraction, or its own from a dict.

    weights: name → tensor. sparsity: one number, or name → number for exactly the same names.
    Returns name → mask. Raises as `magnitude_mask`, and for names that differ.
    """
    require_weights("weights", weights)
    if not isinstance(sparsity, Mapping):
        return {name: magnitude_mask(weight, sparsity) for name, weight in weights.items()}
    if sparsity.keys() != weights.keys():
        raise ValueError(f"sparsity names {sorted(sparsity)}, weights {sorted(weights)}: both need the same names")
    return {name: magnitude_mask(weight, sparsity[name]) for name, weight in weights.items()}


def global_magnitude_masks(
    weights: Mapping[str, Tensor], sparsity: float, *, within: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Masks that remove the smallest |w| of all tensors together: layers with small weights lose more.

    weights: name → tensor; devices and dtypes may differ. Over all of them exactly round(sparsity · Σ numel) entries
    go. within: name → earlier mask, as in `keep_highest`. Returns name → mask, each on its tensor's device.
    Raises as `magnitude_mask`.
    Source: Frankle, Carbin, "The Lottery Ticket Hypothesis", section 4 (deeper networks), 2019.
    """
    require_weights("weights", weights)
    device = next(iter(weights.values())).device
    scores = torch.cat([weight.detach().abs().flatten().to(device) for weight in weights.values()])
    earlier = None
    if within is not None:
        if within.keys() != weights.keys():
            raise ValueError(f"within names {sorted(within)}, weights {sorted(weights)}: both need the same names")
        for name, weight in weights.items():
            require_mask(f"within[{name!r}]", within[name], weight.shape)
        earlier = torch.cat([within[name].flatten().to(device) for name in weights])
    pieces = keep_highest(scores, sparsity, within=earlier).split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape).to(weight.device)
        for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


def shuffled_masks(masks: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Masks with the same number kept in each layer, at random places: does the ticket need its places or its sizes?

    masks: name → boolean mask. Returns name → mask on the same devices.
    Source: Frankle, Dziugaite, Roy, Carbin, "Pruning Neural Networks at Initialization: Why Are We Missing the Mark?",
    2021 (layerwise shuffling).
    """
    require_generator(generator)
    for name, mask in masks.items():
        require_mask(f"masks[{name!r}]", mask)
    return {
        name: mask.flatten()[
            torch.randperm(mask.numel(), generator=generator, device=generator.device).to(mask.device)
        ].view(mask.shape)
        for name, mask in masks.items()
    }


def mask_sparsity(masks: Tensor | Mapping[str, Tensor]) -> float:
    """Fraction removed by a mask, or by all masks of a dict together. Reads the count back from a GPU."""
    parts = list(masks.values()) if isinstance(masks, Mapping) else [masks]
    for mask in parts:
        require_mask("masks", mask)
    total = sum(mask.numel() for mask in parts)
    if total == 0:
        raise ValueError("masks cover no entry: their sparsity is undefined")
    return sum(int((~mask).sum()) for mask in parts) / total


def _within(scores: Tensor, count: int, earlier: Tensor) -> Tensor:
    """As `without_smallest`, with what `earlier` removed ranking below every score."""
    if values_are_readable(earlier):
        gone = int((~earlier).sum())
        if gone > count:
            raise ValueError(
                f"within has removed {gone} of {earlier.numel()} entries, sparsity asks for {count}: "
                "a later sparsity can only be higher (it counts from the whole, not from what is left)"
            )
    order = scores.argsort(stable=True)
    ranks = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    return without_smallest(torch.where(earlier, ranks, -1), count) & earlier
