"""Which weights stay: the largest."""

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import draw, removed

# No share of these sizes is a half, which two kinds of rounding would settle differently.
_SHAPES = [
    ((5, 8), 0.5),
    ((3, 5), 0.25),
    ((7,), 0.6),
    ((4, 3, 3, 3), 0.7),
    ((6, 6), 0.1),
    ((1, 9), 0.3),
    ((5, 5), 0.95),
]
_EQUAL = torch.tensor([1.0, -1.0, 1.0, 2.0, -1.0, 1.0, 1.0, -3.0, 1.0, -1.0])


def _magnitude_mask(weight: Tensor, sparsity: float) -> Tensor:
    return prune.magnitude_mask(weight, sparsity)


def _exact_among_equals(f: Solution, g: Generator) -> bool:
    return all(removed(f(_EQUAL, sparsity)) == round(10 * sparsity) for sparsity in (0.3, 0.6))


def _right_at_the_ends(f: Solution, g: Generator) -> bool:
    weight = draw(g, 4, 3)
    return bool(f(weight, 0.0).all()) and not bool(f(weight, 1.0).any())


def _above_kth(weight: Tensor, sparsity: float) -> Tensor:
    """Keep what is above the k-th smallest: equal magnitudes go together."""
    k = round(sparsity * weight.numel())
    return weight.abs() > (weight.abs().flatten().kthvalue(k).values if k else -1.0)


def _above_kth_unguarded(weight: Tensor, sparsity: float) -> Tensor:
    k = round(sparsity * weight.numel())
    return weight.abs() > weight.abs().flatten().kthvalue(k).values


def _by_quantile(weight: Tensor, sparsity: float) -> Tensor:
    return weight.abs() > weight.abs().quantile(sparsity)


def _rounded_down(weight: Tensor, sparsity: float) -> Tensor:
    return sorted_mask(weight, int(sparsity * weight.numel()))


def sorted_mask(weight: Tensor, count: int) -> Tensor:
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[weight.abs().flatten().argsort(stable=True)[:count]] = False
    return mask.view(weight.shape)


def mask_by_sorting(weight: Tensor, sparsity: float) -> Tensor:
    return sorted_mask(weight, round(sparsity * weight.numel()))


def _mask_by_topk(weight: Tensor, sparsity: float) -> Tensor:
    kept = weight.numel() - round(sparsity * weight.numel())
    mask = torch.zeros_like(weight, dtype=torch.bool)
    mask.view(-1)[weight.abs().view(-1).topk(kept).indices] = True
    return mask


def _mask_by_ranks(weight: Tensor, sparsity: float) -> Tensor:
    ranks = weight.abs().reshape(-1).argsort(stable=True).argsort()
    return (ranks >= round(sparsity * weight.numel())).reshape(weight.shape)


def _mask_by_python(weight: Tensor, sparsity: float) -> Tensor:
    sizes = [abs(w) for w in weight.flatten().tolist()]
    gone = set(sorted(range(len(sizes)), key=lambda i: sizes[i])[: round(sparsity * len(sizes))])
    return torch.tensor([i not in gone for i in range(len(sizes))]).reshape(weight.shape)


def _row_by_row(weight: Tensor, sparsity: float) -> Tensor:
    if weight.ndim < 2:
        return prune.magnitude_mask(weight, sparsity)
    return torch.stack([prune.magnitude_mask(row, sparsity) for row in weight])


magnitude_mask = Exercise(
    reference=_magnitude_mask,
    inputs=lambda g: [(draw(g, *shape), sparsity) for shape, sparsity in _SHAPES],
    example=(torch.tensor([0.1, -0.5, 0.3, -0.2]), 0.5),
    laws=[
        Law("removes exactly round(sparsity · n) among equal magnitudes too", _exact_among_equals,
            "Where several weights are as large as the threshold, a comparison removes all of them or none. Count, or sort.",
            edge=True),
        Law("keeps everything at sparsity 0 and nothing at sparsity 1", _right_at_the_ends,
            "Try your function with 0.0 and with 1.0.", edge=True),
    ],
    mistakes=[
        Mistake("threshold for amount", lambda w, s: w.abs() > s,
                "You compare magnitudes with the sparsity itself. The sparsity says how many go, not how small they are."),
        Mistake("threshold relative to the largest", lambda w, s: w.abs() > s * w.abs().max(),
                "You remove what is below a share of the largest weight. The sparsity is a share of the number of weights."),
        Mistake("signed values", prune.keep_highest,
                "You rank the signed values, so large negative weights go first. Which quantity is the magnitude?"),
        Mistake("mask inverted", lambda w, s: ~prune.magnitude_mask(w, s),
                "Your mask is True where a weight goes. Here True means kept."),
        Mistake("largest removed", lambda w, s: prune.keep_highest(-w.abs(), s),
                "You remove the largest weights. The smallest should go."),
        Mistake("share kept", lambda w, s: prune.magnitude_mask(w, 1 - s),
                "You keep the share that should go: sparsity is the fraction removed."),
        Mistake("equal ones in a body", _above_kth,
                "Right as long as no two magnitudes are equal. Where several equal the threshold you remove all of them or "
                "none. Count positions, do not compare values."),
        Mistake("equal ones in a body, and 0 fails", _above_kth_unguarded,
                "Right for ordinary weights. With sparsity 0 it fails, and where several magnitudes equal the threshold it "
                "removes all of them or none. Choose positions from a sorted order: that has neither trouble."),
        Mistake("quantile for a count", _by_quantile,
                "torch.quantile interpolates between weights, so the number removed is not always round(sparsity · n)."),
        Mistake("rounded down", _rounded_down,
                "int() cuts the count off. It should be the nearest whole number: round(sparsity · n)."),
        Mistake("row by row", _row_by_row,
                "You remove the same number from every row. The whole tensor is ranked as one."),
        Mistake("weights for a mask", lambda w, s: w * prune.magnitude_mask(w, s),
                "You return the pruned weights. The mask itself is wanted: boolean, True = kept."),
        Mistake("numbers for a mask", lambda w, s: prune.magnitude_mask(w, s).float(),
                "Your mask holds zeros and ones of a floating type. A boolean tensor is wanted: True and False."),
    ],
    styles={
        "sorting": mask_by_sorting,
        "topk": _mask_by_topk,
        "ranks": _mask_by_ranks,
        "plain Python": _mask_by_python,
    },
    hints=(
        "First the number that goes: round(sparsity · weight.numel()). Then which ones: those of the smallest magnitude.",
        "Flatten the magnitudes and sort them with argsort: it gives positions, the smallest first.",
        "Start from a mask that is True everywhere, set the first so many sorted positions to False, and give it the "
        "weight's shape.",
    ),
)  # fmt: skip
