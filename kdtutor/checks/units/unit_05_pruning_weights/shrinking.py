"""A step toward zero that stops there."""

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import draw


def _soft(weight: Tensor, amount: float) -> Tensor:
    return prune.soft_threshold(weight, amount)


def _never_across_zero(f: Solution, g: Generator) -> bool:
    weight = draw(g, 40)
    return bool((f(weight, 0.3) * weight >= 0).all())


def _soft_by_cases(weight: Tensor, amount: float) -> Tensor:
    shrunk = torch.where(weight > amount, weight - amount, torch.zeros_like(weight))
    return torch.where(weight < -amount, weight + amount, shrunk)


soft_threshold = Exercise(
    reference=_soft,
    inputs=lambda g: [(draw(g, 4, 5), 0.2), (draw(g, 3, 2, 2), 0.5), (draw(g, 30), 0.05), (draw(g, 6), 0.0),
                      (draw(g, 2, 3), 5.0)],
    example=(torch.tensor([0.5, -0.1, -0.7]), 0.2),
    laws=[
        Law("never carries a weight across zero", _never_across_zero,
            "What is smaller than the amount stops at zero."),
    ],
    mistakes=[
        Mistake("the article's scalar", lambda w, a: w + a * w.abs().sum(),
                "You add one number, amount · ‖w‖₁, to every weight: all of them grow alike. Each weight should move toward "
                "zero by the amount, by its own sign."),
        Mistake("the scalar subtracted", lambda w, a: w - a * w.abs().sum(),
                "You subtract one number, amount · ‖w‖₁, from every weight. Each should move toward zero, by its own sign."),
        Mistake("subgradient step", lambda w, a: w - a * w.sign(),
                "You subtract the amount from every weight. One that is smaller than the amount is carried across zero; it "
                "should stop there."),
        Mistake("hard threshold", lambda w, a: w * (w.abs() > a),
                "Small weights become zero, but the others should shrink by the amount too."),
        Mistake("negative weights lost", lambda w, a: (w - a).clamp_min(0),
                "Every negative weight becomes zero in yours. They shrink toward zero from below."),
        Mistake("sign lost", lambda w, a: (w.abs() - a).clamp_min(0),
                "Your result is never negative. The sign of the weight comes back at the end."),
        Mistake("clamped instead", lambda w, a: w.clamp(-a, a),
                "You return the part that should be taken away: the weights cut off at the amount."),
        Mistake("grown", lambda w, a: w + a * w.sign(),
                "Every weight grows by the amount. It should shrink."),
        Mistake("scaled", lambda w, a: w * (1 - a),
                "You shrink by a share of the weight, as weight decay does: nothing becomes zero. Shrink by a fixed amount."),
    ],
    styles={
        "sign and magnitude": lambda w, a: w.sign() * torch.relu(w.abs() - a),
        "by cases": _soft_by_cases,
        "torch's softshrink": lambda w, a: torch.nn.functional.softshrink(w, a),
        "two ramps": lambda w, a: torch.relu(w - a) - torch.relu(-w - a),
    },
    hints=(
        "Treat magnitude and sign apart: the magnitude falls by the amount, the sign stays.",
        "A magnitude cannot be negative: where it would be, it is zero.",
        "sign(w) times the larger of |w| - amount and 0.",
    ),
)  # fmt: skip
