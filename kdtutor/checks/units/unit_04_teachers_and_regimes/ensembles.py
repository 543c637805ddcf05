"""The mean of several teachers."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near


def _ensemble_targets(teacher_logits: list[Tensor], temperature: float) -> Tensor:
    return distill.ensemble_targets(teacher_logits, temperature)


def _teachers(g: Generator) -> list[tuple[Any, ...]]:
    sizes = [(3, 4, 7), (2, 1, 2), (3, 3, 5), (1, 5, 6)]
    return [([logits(g, N, C) for _ in range(K)], T) for K, N, C in sizes for T in (2.0, 1.0, 4.0)]


def _no_gradient_to_teachers(f: Solution, g: Generator) -> bool:
    teachers = [logits(g, 4, 5).requires_grad_() for _ in range(2)]
    return not f(teachers, 2.0).requires_grad


def _huge_teachers(f: Solution, g: Generator) -> bool:
    teachers = [torch.tensor([[1e4, 0.0, -1e4]]), torch.tensor([[0.0, 1e4, 0.0]])]
    return near(f(teachers, 1.0), torch.tensor([[0.5, 0.5, 0.0]]))


def _votes(teachers: list[Tensor], T: float) -> Tensor:
    return torch.stack([F.one_hot(z.argmax(-1), z.shape[-1]).float() for z in teachers]).mean(0)


def _exponentials(teachers: list[Tensor], T: float) -> Tensor:
    powers = [(z.detach() / T).exp() for z in teachers]
    return torch.stack([p / p.sum(-1, keepdim=True) for p in powers]).mean(0)


def _one_after_another(teachers: list[Tensor], T: float) -> Tensor:
    total = torch.zeros_like(teachers[0])
    for z in teachers:
        total = total + (z.detach() / T).softmax(-1) / len(teachers)
    return total


ensemble_targets = Exercise(
    reference=_ensemble_targets,
    inputs=_teachers,
    example=([torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 0.0]])], 2.0),
    laws=[
        Law("has rows that sum to 1", lambda f, g: near(f([logits(g, 4, 5) for _ in range(3)], 2.0).sum(-1), torch.ones(4)),
            "A mean of distributions is a distribution."),
        Law("gives one teacher's own softened answer when all teachers agree",
            lambda f, g: near(f([z := logits(g, 4, 5), z, z], 3.0), distill.soften(z, 3.0)),
            "Three teachers that say the same say it once."),
        Law("keeps what any teacher holds possible", lambda f, g: bool((f([torch.tensor([[30.0, 0.0]]), torch.tensor([[0.0, 30.0]])], 1.0) > 0.4).all()),
            "Two teachers that are sure of different classes leave half of the mass on each."),
        Law("is right for logits of 10,000 too", _huge_teachers, "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("gives the teachers no gradient", _no_gradient_to_teachers,
            "The teachers are fixed: their logits are detached, or the mean is taken under torch.no_grad()."),
    ],
    mistakes=[
        Mistake("mean of the logits", lambda zs, T: (torch.stack([z.detach() for z in zs]).mean(0) / T).softmax(-1),
                "You average the logits and soften once: the geometric mean, in which any single teacher can veto a class. "
                "Wanted is the mean of the probabilities."),
        Mistake("sum, not mean", lambda zs, T: torch.stack([(z.detach() / T).softmax(-1) for z in zs]).sum(0),
                "Your rows sum to the number of teachers. Divide by it."),
        Mistake("temperature unused", lambda zs, T: torch.stack([z.detach().softmax(-1) for z in zs]).mean(0),
                "Your targets are the same at every temperature. Each teacher is softened before the mean is taken."),
        Mistake("softened after the mean",
                lambda zs, T: (torch.stack([z.detach().softmax(-1) for z in zs]).mean(0).clamp_min(1e-30).log() / T).softmax(-1),
                "You average first and soften the mean. Wanted is the mean of what the softened teachers say."),
        Mistake("votes counted", _votes,
                "You count the teachers' first choices. What each of them says about the other classes is lost."),
        Mistake("one teacher only", lambda zs, T: (zs[0].detach() / T).softmax(-1),
                "Only the first teacher is heard."),
        Mistake("averaged over the samples", lambda zs, T: torch.stack([(z.detach() / T).softmax(-1) for z in zs]).mean(1),
                "You average over the samples: one row a teacher is left. Average over the teachers, one row a sample."),
        Mistake("teachers in the graph", lambda zs, T: torch.stack([(z / T).softmax(-1) for z in zs]).mean(0),
                "The targets are right, but a gradient flows back through them into the teachers. Detach their logits."),
        Mistake("overflow", _exponentials,
                "Right for ordinary logits; for a logit of 10,000 exp overflows and the row becomes NaN. torch's softmax "
                "does not."),
    ],
    styles={
        "stack, softmax, mean": lambda zs, T: torch.stack([torch.softmax(z.detach() / T, -1) for z in zs]).mean(0),
        "a running total": _one_after_another,
        "logsumexp of log-probabilities": lambda zs, T: torch.stack([(z.detach() / T).log_softmax(-1) for z in zs])
        .logsumexp(0).sub(torch.tensor(float(len(zs))).log()).exp(),
    },
    hints=(
        "Each teacher first gives its own softened distribution. Only then are the distributions put together.",
        "softmax(z / T) for each teacher, stacked along a new first axis, averaged over that axis.",
        "torch.stack makes (K, N, C) of K tensors (N, C); the mean over axis 0 leaves (N, C). Detach the logits first.",
    ),
)  # fmt: skip
