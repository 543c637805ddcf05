"""Which weights stay: the largest of all layers together."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.magnitude import mask_by_sorting
from kdtutor.checks.units.unit_05_pruning_weights.networks import Masks, draw, removed


def _global_masks(weights: dict[str, Tensor], sparsity: float) -> Masks:
    return prune.global_magnitude_masks(weights, sparsity)


def _layers(g: Generator, sizes: Mapping[str, tuple[int, ...]], scales: tuple[float, ...]) -> dict[str, Tensor]:
    pairs = zip(sizes.items(), scales, strict=True)
    return {name: draw(g, *shape, scale=scale) for (name, shape), scale in pairs}


def _global_cases(g: Generator) -> list[tuple[Any, ...]]:
    two, three = {"1.weight": (5, 6), "3.weight": (4, 5)}, {"a": (3, 3, 2), "b": (7,), "c": (2, 5)}
    return [
        (_layers(g, two, (0.1, 1.0)), 0.5),
        (_layers(g, two, (1.0, 0.2)), 0.3),
        (_layers(g, three, (0.3, 0.9, 0.1)), 0.8),
        (_layers(g, {"only": (4, 6)}, (0.4,)), 0.7),
        (_layers(g, two, (0.5, 0.4)), 0.93),
    ]


def _exact_over_all(f: Solution, g: Generator) -> bool:
    weights = {"a": torch.ones(3, 4), "b": -torch.ones(8), "c": 2 * torch.ones(5)}
    return all(sum(map(removed, f(weights, s).values())) == round(25 * s) for s in (0.28, 0.6))


def _one_threshold(weights: Mapping[str, Tensor], threshold: Tensor | float) -> Masks:
    return {name: weight.abs() > threshold for name, weight in weights.items()}


def _global_above_kth(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    magnitudes = torch.cat([weight.abs().flatten() for weight in weights.values()])
    k = round(sparsity * len(magnitudes))
    return _one_threshold(weights, magnitudes.kthvalue(k).values if k else -1.0)


def _mean_of_thresholds(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    each = [w.abs().flatten().kthvalue(max(1, round(sparsity * w.numel()))).values for w in weights.values()]
    return _one_threshold(weights, torch.stack(each).mean())


def _each_scaled(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    return _global_masks({name: weight / weight.abs().max() for name, weight in weights.items()}, sparsity)


def _global_by_split(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    flat = torch.cat([weight.reshape(-1) for weight in weights.values()])
    parts = mask_by_sorting(flat, sparsity).split([weight.numel() for weight in weights.values()])
    return {name: part.view_as(weight) for (name, weight), part in zip(weights.items(), parts, strict=True)}


def _global_by_python(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    entries = [(abs(w), name, i) for name, weight in weights.items() for i, w in enumerate(weight.flatten().tolist())]
    masks = {name: torch.ones(weight.numel(), dtype=torch.bool) for name, weight in weights.items()}
    for _, name, i in sorted(entries, key=lambda entry: entry[0])[: round(sparsity * len(entries))]:
        masks[name][i] = False
    return {name: mask.view(weights[name].shape) for name, mask in masks.items()}


def _global_by_offsets(weights: Mapping[str, Tensor], sparsity: float) -> Masks:
    magnitudes = torch.hstack([weight.abs().ravel() for weight in weights.values()])
    kept = torch.full((len(magnitudes),), True)
    kept[magnitudes.topk(round(sparsity * len(magnitudes)), largest=False).indices] = False
    masks, start = {}, 0
    for name, weight in weights.items():
        masks[name] = kept[start : start + weight.numel()].reshape(weight.shape)
        start += weight.numel()
    return masks


global_magnitude_masks = Exercise(
    reference=_global_masks,
    inputs=_global_cases,
    example=({"a": torch.tensor([0.1, 0.2]), "b": torch.tensor([-0.9, 0.3])}, 0.5),
    laws=[
        Law("removes exactly round(sparsity · n) of all weights together, equal ones too", _exact_over_all,
            "Where several weights are as large as the threshold, a comparison removes all of them or none.", edge=True),
    ],
    mistakes=[
        Mistake("layer by layer", prune.layer_magnitude_masks,
                "Every layer loses the same share. Globally, a layer of small weights loses more than one of large weights."),
        Mistake("mean of the layers' thresholds", _mean_of_thresholds,
                "You average a threshold of each layer. One ranking over all weights gives the threshold that removes the "
                "right number."),
        Mistake("each layer scaled first", _each_scaled,
                "You divide each layer by its largest weight before ranking. Here the magnitudes are compared as they are."),
        Mistake("threshold for amount", _one_threshold,
                "You compare magnitudes with the sparsity itself. The sparsity says how many go, not how small they are."),
        Mistake("mask inverted", lambda w, s: {name: ~mask for name, mask in _global_masks(w, s).items()},
                "Your masks are True where a weight goes. Here True means kept."),
        Mistake("share kept", lambda w, s: _global_masks(w, 1 - s),
                "You keep the share that should go: sparsity is the fraction removed."),
        Mistake("signed values", lambda w, s: _global_masks({name: weight + 100.0 for name, weight in w.items()}, s),
                "You rank the signed values, so large negative weights go first."),
        Mistake("equal ones go together", _global_above_kth,
                "Right as long as no two magnitudes are equal. Where several equal the threshold you remove all of them. "
                "Count positions, do not compare values."),
        Mistake("names lost", lambda w, s: list(_global_masks(w, s).values()),
                "You return a list. A dictionary is wanted, with the names that came in: a mask has to find its weight."),
        Mistake("shapes lost", lambda w, s: {name: mask.flatten() for name, mask in _global_masks(w, s).items()},
                "Your masks are flat. Each has to have the shape of its weight again."),
    ],
    styles={
        "one sort, then split": _global_by_split,
        "plain Python": _global_by_python,
        "topk and offsets": _global_by_offsets,
    },
    hints=(
        "Put the magnitudes of all tensors into one long row: torch.cat of the flattened ones.",
        "On that row it is the problem that you have solved already: your magnitude_mask takes any shape.",
        "Cut the long mask up again in the same order, numel() entries for each name, and give each its shape.",
    ),
)  # fmt: skip
