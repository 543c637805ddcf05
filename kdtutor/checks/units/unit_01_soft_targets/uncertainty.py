"""Entropy: how undecided a distribution is."""

import math

import torch
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake
from kdtutor.checks.inputs import distribution_rows
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_01_soft_targets.shared import SOME_ZERO


def _entropy_by_loop(probs: Tensor) -> Tensor:
    rows = probs.reshape(-1, probs.shape[-1]).tolist()
    values = [-sum(p * math.log(p) for p in row if p > 0) for row in rows]
    return torch.tensor(values).reshape(probs.shape[:-1])


entropy = Exercise(
    reference=distill.entropy,
    inputs=lambda g: [*distribution_rows([(4, 7), (1, 2), (5, 5), (3,), (2, 3, 4)])(g), (SOME_ZERO,)],
    example=(torch.tensor([0.5, 0.5]),),
    laws=[
        Law("is 0 for a distribution that is certain", lambda f, g: near(f(torch.tensor([[0.0, 1.0, 0.0]])), torch.zeros(1)),
            "0 · log 0 counts as 0, but log(0) is -inf in floating point and 0 · -inf is NaN.", edge=True),
        Law("is log C for C equal classes", lambda f, g: near(f(torch.full((2, 9), 1 / 9)), math.log(9)),
            "The uniform distribution is the most uncertain one."),
    ],
    mistakes=[
        Mistake("sign", lambda p: torch.special.xlogy(p, p).sum(-1),
                "Your value is negative. Entropy is never negative: log p of a probability is."),
        Mistake("base two", lambda p: -torch.special.xlogy(p, p).sum(-1) / math.log(2),
                "Your value is in bits. This course uses natural logarithms, so entropy is in nats."),
        Mistake("mean over classes", lambda p: -torch.special.xlogy(p, p).mean(-1),
                "You average over the classes, so the value is C times too small. Entropy is a sum."),
        Mistake("whole batch", lambda p: -torch.special.xlogy(p, p).sum(),
                "You return one number for everything. One number for each row is wanted: sum over the last axis only."),
        Mistake("not weighted by p", lambda p: -p.clamp_min(1e-30).log().sum(-1),
                "You sum -log p without weighing it. A surprise counts as often as it happens: multiply by p."),
        Mistake("first axis", lambda p: -torch.special.xlogy(p, p).sum(0),
                "You sum over the first axis. The classes lie along the last one."),
        Mistake("zero times infinity", lambda p: -(p * p.log()).sum(-1),
                "Right wherever every p is positive. For p = 0 it gives NaN: log 0 is -inf, and 0 · -inf is undefined. "
                "What should a class that never occurs add?"),
        Mistake("a second softmax", lambda p: distill.entropy(p.softmax(-1)),
                "You soften the probabilities once more. They are a distribution already."),
    ],
    styles={
        "xlogy": lambda p: -torch.xlogy(p, p).sum(dim=-1),
        "a loop over rows": _entropy_by_loop,
        "masked logarithm": lambda p: -(p * torch.where(p > 0, p, torch.ones_like(p)).log()).sum(-1),
        "torch.distributions": lambda p: torch.distributions.Categorical(probs=p).entropy()
        if bool((p > 0).all()) else torch.special.entr(p).sum(-1),
    },
    hints=(
        "Entropy is the expected surprise: each class's surprise is -log p, and it happens with probability p.",
        "Sum p · log p over the last axis, and mind the sign.",
        "A class with p = 0 must add 0. torch.special.xlogy(a, b) computes a · log b with exactly that rule.",
    ),
)  # fmt: skip
