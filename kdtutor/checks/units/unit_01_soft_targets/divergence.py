"""The divergence of two distributions, row by row."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import distribution_pairs, distributions
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_01_soft_targets.shared import NONE_ZERO, SOME_ZERO


def _kl_by_loop(p: Tensor, q: Tensor) -> Tensor:
    flat = zip(p.reshape(-1, p.shape[-1]).tolist(), q.reshape(-1, q.shape[-1]).tolist(), strict=True)
    values = [sum(a * math.log(a / b) for a, b in zip(x, y, strict=True) if a > 0) for x, y in flat]
    return torch.tensor(values).reshape(p.shape[:-1])


def _kl_with_zero(f: Solution, g: Generator) -> bool:
    p, q = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.25, 0.5, 0.25]])
    return near(f(p, q), torch.tensor([0.5 * math.log(2)]))


kl_divergence = Exercise(
    reference=distill.kl_divergence,
    inputs=lambda g: [*distribution_pairs([(4, 7), (1, 2), (5, 5), (3,), (2, 3, 4)])(g), (SOME_ZERO, NONE_ZERO)],
    example=(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])),
    laws=[
        Law("is 0 for two equal distributions", lambda f, g: near(f(p := distributions(g, 5, 4), p), torch.zeros(5)),
            "The logarithm of a quotient of equal numbers is 0."),
        Law("is never negative", lambda f, g: bool((f(distributions(g, 40, 6), distributions(g, 40, 6)) > 0).all()),
            "Every KL divergence between different distributions is positive."),
        Law("counts a class with p = 0 as 0", _kl_with_zero,
            "0 · log 0 counts as 0, but in floating point 0 · -inf is NaN.", edge=True),
    ],
    mistakes=[
        Mistake("directions swapped", lambda p, q: distill.kl_divergence(q, p),
                "Your value is KL(q ‖ p). Which of the two distributions is the expectation taken under?"),
        Mistake("sign", lambda p, q: -distill.kl_divergence(p, q),
                "Your value has the wrong sign: log(q/p) where log(p/q) belongs."),
        Mistake("cross-entropy", lambda p, q: -torch.special.xlogy(p, q).sum(-1),
                "Your value is the cross-entropy -Σ p log q. It misses the entropy of p, so it is not 0 when p equals q."),
        Mistake("mean over classes", lambda p, q: distill.kl_divergence(p, q) / p.shape[-1],
                "You average over the classes, so the value is C times too small. The divergence is a sum."),
        Mistake("whole batch", lambda p, q: distill.kl_divergence(p, q).sum(),
                "You return one number for everything. One number for each row is wanted."),
        Mistake("symmetrised", lambda p, q: (distill.kl_divergence(p, q) + distill.kl_divergence(q, p)) / 2,
                "Your value is the mean of both directions. KL has a direction, and this unit depends on it."),
        Mistake("base two", lambda p, q: distill.kl_divergence(p, q) / math.log(2),
                "Your value is in bits. This course uses natural logarithms."),
        Mistake("not weighted by p", lambda p, q: (p / q).clamp_min(1e-30).log().sum(-1),
                "You sum log(p/q) without weighing it by p."),
        Mistake("probabilities for log-probabilities", lambda p, q: F.kl_div(q, p, reduction="none").sum(-1),
                "F.kl_div expects the logarithm of its first argument; you gave it q itself."),
        Mistake("arguments in reading order", lambda p, q: F.kl_div(p, q, reduction="none").sum(-1),
                "F.kl_div takes log q first and p second, the other way round than KL(p ‖ q) is written."),
        Mistake("two logarithms", lambda p, q: F.kl_div(q.log(), p.log(), reduction="none").nan_to_num().sum(-1),
                "F.kl_div takes the logarithm of q alone, unless log_target=True says that both are logarithms."),
        Mistake("zero times infinity", lambda p, q: (p * (p / q).log()).sum(-1),
                "Right wherever every p is positive. For p = 0 it gives NaN: 0 · log 0 has to count as 0."),
    ],
    styles={
        "two xlogy": lambda p, q: (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1),
        "F.kl_div": lambda p, q: F.kl_div(q.log(), p, reduction="none").sum(-1),
        "a loop over rows": _kl_by_loop,
        "cross-entropy minus entropy": lambda p, q: -(p * q.log()).sum(-1) - torch.special.entr(p).sum(-1),
    },
    hints=(
        "The divergence is an average of log(p/q). The average is taken under p.",
        "Write the logarithm of the quotient as a difference: log p - log q, each weighted by p, summed over the last axis.",
        "torch.special.xlogy(p, p) and torch.special.xlogy(p, q) are the two terms, and they treat p = 0 as they should.",
    ),
)  # fmt: skip
