"""Samples weighed by how sure the teacher is of them."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near


def _entropy_weights(teacher_logits: Tensor, temperature: float, strength: float) -> Tensor:
    return distill.entropy_weights(teacher_logits, temperature, strength=strength)


def _weighted_rows(g: Generator) -> list[tuple[Any, ...]]:
    shapes = [(4, 7), (1, 2), (5, 5), (8, 10)]
    return [(logits(g, *shape), T, gamma) for shape in shapes for T, gamma in ((2.0, 1.0), (1.0, 3.0), (4.0, 0.5))]


def _share(z: Tensor, T: float) -> Tensor:
    """The entropy as a share of the largest possible one."""
    return distill.entropy(distill.soften(z.detach(), T)) / math.log(z.shape[1])


def _surer_counts_more(f: Solution, g: Generator) -> bool:
    weights = f(torch.tensor([[6.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), 1.0, 2.0)
    return bool((weights.diff() < 0).all())


def _huge_rows(f: Solution, g: Generator) -> bool:
    weights = f(torch.tensor([[1e4, 0.0], [0.0, 0.0]]), 1.0, 1.0)
    return near(weights, 2 * torch.tensor([0.0, -1.0]).softmax(0))


def _log_of_zero(z: Tensor, T: float, gamma: float) -> Tensor:
    p = (z.detach() / T).softmax(-1)
    h = -(p * p.log()).sum(-1) / math.log(z.shape[1])
    return len(z) * (-gamma * h).softmax(0)


def _linear(z: Tensor, T: float, gamma: float) -> Tensor:
    w = 1 - gamma * _share(z, T)
    return w / w.mean()


def _exponentials_by_hand(z: Tensor, T: float, gamma: float) -> Tensor:
    with torch.no_grad():
        log_p = torch.log_softmax(z / T, dim=1)
        raw = torch.exp(gamma * (log_p.exp() * log_p).sum(1) / math.log(z.size(1)))
    return raw / raw.mean()


def _by_loop(z: Tensor, T: float, gamma: float) -> Tensor:
    raw = []
    for row in z.detach():
        entropy = float(torch.special.entr((row / T).softmax(0)).sum())
        raw.append(math.exp(-gamma * entropy / math.log(len(row))))
    return torch.tensor([w * len(raw) / sum(raw) for w in raw])


entropy_weights = Exercise(
    reference=_entropy_weights,
    inputs=_weighted_rows,
    example=(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), 1.0, 1.0),
    laws=[
        Law("has mean 1", lambda f, g: near(f(logits(g, 6, 5), 2.0, 1.5).mean(), 1.0),
            "Weights with another mean would change the learning rate, too."),
        Law("weighs all samples alike at strength 0", lambda f, g: near(f(logits(g, 6, 5), 2.0, 0.0), torch.ones(6)),
            "At strength 0 the entropy is not looked at."),
        Law("weighs a surer row more", _surer_counts_more, "Low entropy: the teacher is sure, and the row counts more."),
        Law("gives a row with equal logits weight 1/e of a certain one at strength 1", _huge_rows,
            "A certain teacher gives probability 0 to some class; 0 · log 0 counts as 0.", edge=True),
        Law("gives the teacher no gradient", lambda f, g: not f(logits(g, 4, 5).requires_grad_(), 2.0, 1.0).requires_grad,
            "The weights are numbers, not something to learn through."),
    ],
    mistakes=[
        Mistake("unsure rows preferred", lambda z, T, gamma: len(z) * (gamma * _share(z, T)).softmax(0),
                "Your weights grow with the entropy. Here the rows of which the teacher is sure count more; mind the sign."),
        Mistake("sum 1, not mean 1", lambda z, T, gamma: (-gamma * _share(z, T)).softmax(0),
                "Your weights sum to 1, so every loss becomes N times smaller. Their mean is to be 1."),
        Mistake("not divided by log C", lambda z, T, gamma: len(z) * (-gamma * _share(z, T) * math.log(z.shape[1])).softmax(0),
                "You use the entropy in nats. As a share of its largest value, log C, it lies between 0 and 1 for any number of "
                "classes."),
        Mistake("temperature unused", lambda z, T, gamma: len(z) * (-gamma * _share(z, 1.0)).softmax(0),
                "Your weights are the same at every temperature. It is the softened answer whose entropy is asked for."),
        Mistake("strength unused", lambda z, T, gamma: len(z) * (-_share(z, T)).softmax(0),
                "Your weights are the same at every strength."),
        Mistake("a straight line", _linear,
                "You use 1 - γh. It can become negative for a large strength; wanted is the exponential exp(-γh)."),
        Mistake("exponentials not normalised", lambda z, T, gamma: (-gamma * _share(z, T)).exp(),
                "These are exp(-γh): right up to a common factor. Divide by their mean."),
        Mistake("entropy in bits", lambda z, T, gamma: len(z) * (-gamma * _share(z, T) / math.log(2)).softmax(0),
                "Your entropy is in bits and the logarithm of C in nats: the share exceeds 1."),
        Mistake("largest probability", lambda z, T, gamma: len(z) * (gamma * distill.soften(z.detach(), T).amax(-1)).softmax(0),
                "You weigh by the largest probability. It is a kind of certainty, but not the entropy."),
        Mistake("teacher in the graph", lambda z, T, gamma: len(z) * (-gamma * distill.entropy((z / T).softmax(-1)) / math.log(z.shape[1])).softmax(0),
                "The weights are right, but a gradient flows through them into the teacher. Detach the logits."),
        Mistake("zero times infinity", _log_of_zero,
                "Right wherever every probability is positive. A certain teacher gives 0 · log 0, which becomes NaN here."),
    ],
    styles={
        "exponentials over their mean": _exponentials_by_hand,
        "row by row": _by_loop,
        "softmax of shares": lambda z, T, gamma: len(z) * torch.softmax(-gamma * _share(z, T), dim=0),
    },
    hints=(
        "Three steps: the entropy of each softened row, as a share of log C; the exponential of minus strength times it; a "
        "common factor.",
        "A softmax over the samples gives positive weights that sum to 1. By which number must they be multiplied so that "
        "their mean is 1?",
        "torch.special.entr(p) is -p log p with entr(0) = 0; its sum over the classes is the entropy. Detach the logits.",
    ),
)  # fmt: skip
