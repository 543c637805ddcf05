r"""Lottery tickets: prune after training, go back to the weights of an early step, train again under the mask.

Two controls belong to every ticket: the same mask on weights drawn anew (`reinitialized`), and as many weights kept
in each layer at random places (`shuffled_masks`).
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kdtutor.prune.arguments import require_generator, require_sparsity
from kdtutor.prune.masked_training import apply_masks_, masked_copy, prunable_weights
from kdtutor.prune.masks import global_magnitude_masks


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """The model's whole state, copied: what a later `rewind` goes back to. Training on does not change it."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def rewind(model: nn.Module, early: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> nn.Module:
    """A copy of the model with the state of an early step, under the masks: w ← m ⊙ w_early.

    early: from `snapshot`, taken at initialisation (step 0) or some steps into training. masks: parameter name →
    boolean mask. Buffers such as BatchNorm's statistics go back too. Learning rate and data order go back only if the
    training that follows starts them at that step again. Raises ValueError for a state that does not fit the model.
    Source: Frankle, Carbin, "The Lottery Ticket Hypothesis", section 2, 2019 (to step 0); Frankle, Dziugaite, Roy,
    Carbin, "Linear Mode Connectivity and the Lottery Ticket Hypothesis", section 4, 2020 (to an early step).
    """
    ticket = copy.deepcopy(model)
    try:
        ticket.load_state_dict(dict(early))
    except RuntimeError as reason:
        raise ValueError(f"early does not fit the model: {' '.join(str(reason).split())}") from reason
    apply_masks_(ticket, masks)
    return ticket


def reinitialized(model: nn.Module, masks: Mapping[str, Tensor], generator: torch.Generator) -> nn.Module:
    """The control of a ticket: a copy under the same masks with every parameter drawn anew from its initialiser.

    generator: seeds the draw, on its device; the global random state is as before. The draw happens on the CPU, so
    every device gets the same weights. Raises ValueError for a parameter whose module has no reset_parameters.
    Source: Frankle, Carbin, "The Lottery Ticket Hypothesis", section 2, 2019 (random reinitialisation).
    """
    require_generator(generator)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    fresh = copy.deepcopy(model).cpu()
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        # Children before parents: a parent such as MultiheadAttention has the last word on its children's weights.
        for name, module in reversed(list(fresh.named_modules())):
            reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if callable(reset):
                reset()
            elif own := [key for key, _ in module.named_parameters(recurse=False)]:
                raise ValueError(
                    f"{name or 'the model'} ({type(module).__name__}) has {', '.join(own)} and no reset_parameters: "
                    "how to draw it anew is unknown"
                )
    fresh = fresh.to(device)
    apply_masks_(fresh, masks)
    return fresh


class Round(NamedTuple):
    """One round of pruning: the sparsity reached, its masks, the model trained before it and the one to train next."""

    sparsity: float
    masks: dict[str, Tensor]
    trained: nn.Module
    pruned: nn.Module


def iterative_pruning(
    model: nn.Module,
    train: Callable[[nn.Module, dict[str, Tensor]], None],
    sparsities: Sequence[float],
    *,
    rewinding: bool = True,
) -> Iterator[Round]:
    """Train, prune globally by magnitude, rewind (or go on), for each sparsity; one round is yielded at a time.

    model: at the point to rewind to; it stays untouched. train(model, masks): trains a model in place and holds the
    masks (`masks_held`); the first round has masks that keep everything. sparsities: of the whole, rising, such as
    [iterative_sparsity(k, 0.2) for k in 1..n]; a single one is one-shot pruning. rewinding: True gives lottery
    tickets, False fine-tunes the trained weights. Each round's `pruned` is what the next one trains; after the last,
    training it is up to the caller.
    Raises ValueError for sparsities that do not rise.
    """
    for sparsity in sparsities:
        require_sparsity(sparsity, "sparsities")
    if len(sparsities) == 0 or any(a > b for a, b in itertools.pairwise(sparsities)):
        raise ValueError(f"sparsities is {list(sparsities)}: rising fractions of the whole are needed")
    return _rounds(model, train, sparsities, rewinding)


def _rounds(
    model: nn.Module,
    train: Callable[[nn.Module, dict[str, Tensor]], None],
    sparsities: Sequence[float],
    rewinding: bool,
) -> Iterator[Round]:
    early, current = snapshot(model), copy.deepcopy(model)
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable_weights(model).items()}
    for sparsity in sparsities:
        trained = copy.deepcopy(current)
        train(trained, masks)
        masks = global_magnitude_masks(prunable_weights(trained), sparsity, within=masks)
        current = rewind(trained, early, masks) if rewinding else masked_copy(trained, masks)
        yield Round(sparsity, masks, trained, current)
