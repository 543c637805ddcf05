"""What torch's amount means, for someone who has a threshold in mind."""

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import prune as torch_prune

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import draw


def _amount_for_threshold(weight: Tensor, threshold: float) -> float:
    return float((weight.abs() < threshold).double().mean())


def _removes_what_is_below(f: Solution, g: Generator) -> bool:
    """torch's own pruning, given the amount, removes exactly the weights below the threshold."""
    layer = nn.Linear(9, 8)
    with torch.no_grad():
        layer.weight.copy_(draw(g, 8, 9, scale=0.1))
    below = layer.weight.detach().abs() < 0.05
    torch_prune.l1_unstructured(layer, "weight", amount=float(f(layer.weight.detach(), 0.05)))
    return bool(((layer.weight == 0) == below).all())


amount_for_threshold = Exercise(
    reference=_amount_for_threshold,
    inputs=lambda g: [(draw(g, 8, 9, scale=0.1), 0.05), (draw(g, 30), 0.2), (draw(g, 4, 4, 4), 0.01),
                      (draw(g, 5, 2), 9.0), (draw(g, 7, 3), 0.5)],
    example=(torch.tensor([0.001, -0.2, 0.04, -0.03]), 0.05),
    laws=[
        Law("makes l1_unstructured remove exactly the weights below the threshold", _removes_what_is_below,
            "torch's amount is a share of the weights: how many of them are below the threshold?"),
    ],
    mistakes=[
        Mistake("threshold as it is", lambda w, t: float(t),
                "You hand the threshold on. That is the article's mistake: torch reads it as a share of the weights."),
        Mistake("share kept", lambda w, t: 1 - _amount_for_threshold(w, t),
                "Yours is the share that stays. The amount is the share that goes."),
        Mistake("signed values", lambda w, t: float((w < t).double().mean()),
                "You count every negative weight as small. Compare magnitudes."),
        Mistake("count for a share", lambda w, t: int((w.abs() < t).sum()),
                "Yours is how many weights go. torch would take a whole number so, but the share is asked for: divide by their "
                "number."),
        Mistake("share of the largest", lambda w, t: t / float(w.abs().max()),
                "You divide the threshold by the largest weight. Count the weights below it instead."),
        Mistake("share of the sum", lambda w, t: float(w.abs()[w.abs() < t].sum() / w.abs().sum()),
                "You give the share of the magnitude that goes. The share of the number of weights is asked for."),
    ],
    styles={
        "mean of a comparison": lambda w, t: (w.abs() < t).float().mean().item(),
        "count over size": lambda w, t: int((w.abs() < t).sum()) / w.numel(),
        "a sorted search": lambda w, t: float(torch.searchsorted(w.abs().flatten().sort().values, t)) / w.numel(),
        "plain Python": lambda w, t: sum(abs(v) < t for v in w.flatten().tolist()) / w.numel(),
    },
    hints=(
        "The amount is a share of the number of weights.",
        "Which weights does the threshold mean? Those whose magnitude is below it.",
        "Compare, count, divide by how many there are; the mean of a comparison does the last two in one.",
    ),
)  # fmt: skip
