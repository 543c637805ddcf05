"""prune_and_retrain: half of all weights gone, those of the recurrent layer too, and still gone after training."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_11_speech.shared import ended
from kdtutor.models import speech_network

Masks = dict[str, Tensor]
Batches = Sequence[tuple[Tensor, Tensor]]
Retraining = Callable[[nn.Module, float, Batches, Optimizer], Any]


def _matrices(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.ndim > 1}


def _smallest_go(model: nn.Module, sparsity: float) -> Masks:
    return prune.global_magnitude_masks(_matrices(model), sparsity)


def _prune_and_retrain(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    masks = _smallest_go(model, sparsity)
    prune.apply_masks_(model, masks)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        prune.masked_step_(model, optimizer, masks)
    return masks


def _batches(g: Generator, count: int, mels: int, classes: int) -> Batches:
    made = []
    for _ in range(count):
        x, counts = torch.randn(4, 6, mels, generator=g), torch.randint(2, 7, (4,), generator=g)
        made.append((ended(x, counts), torch.randint(classes, (4,), generator=g)))
    return made


def _case(g: Generator, make: Callable[[Any], Optimizer], sparsity: float) -> tuple[Any, ...]:
    """A small network in the middle of its training: its optimiser has gathered momentum."""
    seed = int(torch.randint(2**31, (), generator=g))
    model = speech_network(4, 3, 3, mels=5, kernel=3, stride=2, seed=seed)
    with torch.no_grad():
        model.conv.weight.mul_(3)  # so that the layers do not lose the same fraction
    optimizer = make(model.parameters())
    for x, y in _batches(g, 2, 5, 3):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, sparsity, _batches(g, 3, 5, 3), optimizer


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    return [
        _case(g, lambda parameters: SGD(parameters, lr=0.2, momentum=0.9, weight_decay=0.02), 0.5),
        _case(g, lambda parameters: Adam(parameters, lr=0.2), 0.3),
    ]


def _after_retraining(
    f: Solution, model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer
) -> dict[str, Any]:
    model, optimizer = copy.deepcopy((model, optimizer))
    masks = f(model, sparsity, batches, optimizer)
    return {"value": masks, "weights": {name: p.detach().clone() for name, p in model.named_parameters()}}


# --- laws -----------------------------------------------------------------------------------------------------------


def _retrained(f: Solution, g: Generator) -> tuple[nn.Module, nn.Module, float]:
    model, sparsity, batches, optimizer = _cases(g)[0]
    before = copy.deepcopy(model)
    f(model, sparsity, batches, optimizer)
    return before, model, sparsity


def _half_are_zero(f: Solution, g: Generator) -> bool:
    _, model, sparsity = _retrained(f, g)
    matrices = _matrices(model).values()
    return sum(int((w == 0).sum()) for w in matrices) == round(sparsity * sum(w.numel() for w in matrices))


def _what_stays_is_trained(f: Solution, g: Generator) -> bool:
    before, model, _ = _retrained(f, g)
    pairs = zip(_matrices(before).values(), _matrices(model).values(), strict=True)
    return all(bool((old != new)[new != 0].all()) for old, new in pairs)


# --- mistakes -------------------------------------------------------------------------------------------------------


def _made_of(
    rank: Callable[[nn.Module, float], Masks] = _smallest_go,
    first: bool = True,
    clear: bool = True,
    step: Callable[[nn.Module, Optimizer, Masks], None] = prune.masked_step_,
    rank_again: bool = False,
) -> Retraining:
    """A solution with one of its parts exchanged."""

    def solution(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
        masks = rank(model, sparsity)
        if first:
            prune.apply_masks_(model, masks)
        for x, y in batches:
            if clear:
                optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            if rank_again:
                optimizer.step()
                masks = rank(model, sparsity)
                prune.apply_masks_(model, masks)
            else:
                step(model, optimizer, masks)
        return masks

    return solution


def _plain_step(model: nn.Module, optimizer: Optimizer, masks: Masks) -> None:
    optimizer.step()


def _gradients_alone(model: nn.Module, optimizer: Optimizer, masks: Masks) -> None:
    for name, mask in masks.items():
        gradient = model.get_parameter(name).grad
        if gradient is not None:
            gradient.mul_(mask)
    optimizer.step()


def _masked_before(model: nn.Module, optimizer: Optimizer, masks: Masks) -> None:
    prune.apply_masks_(model, masks)
    optimizer.step()


def _without_gru(model: nn.Module, sparsity: float) -> Masks:
    weights = {name: p.detach() for name, p in prune.prunable_weights(model).items()}
    return prune.global_magnitude_masks(weights, sparsity)


def _biases_too(model: nn.Module, sparsity: float) -> Masks:
    return prune.global_magnitude_masks({name: p.detach() for name, p in model.named_parameters()}, sparsity)


def _largest_go(model: nn.Module, sparsity: float) -> Masks:
    kept = prune.global_magnitude_masks(_matrices(model), 1 - sparsity)
    return {name: ~mask for name, mask in kept.items()}


def _by_sign(model: nn.Module, sparsity: float) -> Masks:
    weights = _matrices(model)
    lowest = min(float(w.min()) for w in weights.values())
    return prune.global_magnitude_masks({name: w - lowest for name, w in weights.items()}, sparsity)


def _pruned_at_the_end(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    masks = _smallest_go(model, sparsity)
    prune.apply_masks_(model, masks)
    return masks


def _never_trained(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    masks = _smallest_go(model, sparsity)
    prune.apply_masks_(model, masks)
    return masks


# --- styles ---------------------------------------------------------------------------------------------------------


def _by_threshold(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    weights = {name: p for name, p in model.named_parameters() if p.dim() >= 2}
    sizes = torch.cat([p.detach().abs().flatten() for p in weights.values()]).sort().values
    threshold = sizes[round(sparsity * len(sizes)) - 1]
    masks = {name: p.detach().abs() > threshold for name, p in weights.items()}
    for name, p in weights.items():
        p.data *= masks[name]
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for name, p in weights.items():
            p.data *= masks[name]
    return masks


def _by_positions(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    names = [name for name, p in model.named_parameters() if not name.split(".")[-1].startswith("bias")]
    flat = torch.cat([model.get_parameter(name).detach().reshape(-1) for name in names])
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.abs().topk(round(sparsity * len(flat)), largest=False).indices] = False
    masks, begun = {}, 0
    for name in names:
        p = model.get_parameter(name)
        masks[name] = keep[begun : begun + p.numel()].view(p.shape)
        begun += p.numel()

    @torch.no_grad()
    def cut() -> None:
        for name, mask in masks.items():
            model.get_parameter(name)[~mask] = 0

    cut()
    for x, y in batches:
        model.zero_grad()
        (-model(x).log_softmax(-1)[torch.arange(len(y)), y]).mean().backward()
        optimizer.step()
        cut()
    return masks


def _held_by_hooks(model: nn.Module, sparsity: float, batches: Batches, optimizer: Optimizer) -> Masks:
    masks = _smallest_go(model, sparsity)
    with prune.masks_held(model, optimizer, masks):
        for x, y in batches:
            optimizer.zero_grad(set_to_none=False)
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return masks


prune_and_retrain = Exercise(
    reference=_prune_and_retrain,
    inputs=_cases,
    observe=_after_retraining,
    laws=[
        Law("leaves exactly the wanted share of the weights at zero", _half_are_zero,
            "Count the zeros of all weight matrices together, after the last step."),
        Law("trains every weight that stays", _what_stays_is_trained,
            "What is left has to make up for what is gone."),
    ],
    mistakes=[
        Mistake("recurrent layer left whole", _made_of(rank=_without_gru),
                "The GRU kept all its weights, and most of a speech network's weights are in it. Its matrices are no Linear or "
                "Conv layers: go by the parameters' axes, not by the layers' types."),
        Mistake("layer by layer", _made_of(rank=lambda model, s: prune.layer_magnitude_masks(_matrices(model), s)),
                "Every layer loses the same share with you. Here all weights are ranked together."),
        Mistake("biases too", _made_of(rank=_biases_too),
                "You prune biases as well. They are few; only parameters with two or more axes are ranked."),
        Mistake("largest removed", _made_of(rank=_largest_go),
                "You remove the largest weights. The smallest magnitudes go."),
        Mistake("smallest values, not magnitudes", _made_of(rank=_by_sign),
                "You rank the weights with their signs, so large negative ones go first. The L1 norm of a weight is |w|."),
        Mistake("pruned once, revived", _made_of(step=_plain_step),
                "The pruned weights are back after the retraining: the first step moved them. Zero them again after every step."),
        Mistake("only the gradient masked", _made_of(step=_gradients_alone),
                "The gradients of removed weights are zero, but the optimiser's momentum and weight decay still move what they "
                "remember. Look at the weights after the step."),
        Mistake("masked before the step", _made_of(step=_masked_before),
                "You mask before the step, so the last step moves the removed weights again. Mask after it."),
        Mistake("first gradient of the whole network", _made_of(first=False),
                "Your first gradient is that of the unpruned network: the weights are zeroed only after the first step."),
        Mistake("gradients pile up", _made_of(clear=False),
                "The gradients of earlier batches are still there: zero_grad is missing."),
        Mistake("ranked anew at every step", _made_of(rank_again=True),
                "You choose new masks after every step. The choice is made once, from the trained weights."),
        Mistake("retrained, then pruned", _pruned_at_the_end,
                "You train first and prune afterwards, so nothing makes up for what was removed."),
        Mistake("never retrained", _never_trained,
                "You prune and stop. The batches are there to train on."),
    ],
    styles={
        "a threshold": _by_threshold,
        "positions in one long row": _by_positions,
        "held by hooks": _held_by_hooks,
    },
    hints=(
        "Choose the masks once, before training: all weight matrices in one long row, the smallest magnitudes go.",
        "Zero the weights, then for each batch: clear gradients, loss, backward, step, and zero the removed weights again.",
        "model.named_parameters() names them all; parameter.ndim > 1 tells matrices from biases. Under torch.no_grad() a "
        "parameter can be multiplied by its mask in place.",
    ),
)  # fmt: skip
