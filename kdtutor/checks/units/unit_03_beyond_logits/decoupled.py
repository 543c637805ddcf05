"""Decoupled KD: the target and the others, weighed apart."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_03_beyond_logits.shared import (
    TEACHER_IN_THE_GRAPH,
    spares_the_teacher,
    trains,
    value_and_gradient,
)


def _dkd_loss(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float, alpha: float, beta: float
) -> Tensor:
    return distill.dkd_loss(student_logits, teacher_logits, labels, temperature, alpha, beta)


def _dkd_cases(g: Generator) -> list[Any]:
    cases: list[Any] = []
    for N, C in ((4, 7), (1, 2), (5, 3), (8, 10)):
        for T, alpha, beta in ((1.0, 1.0, 8.0), (4.0, 2.0, 0.5), (2.0, 1.0, 1.0)):
            y = torch.randint(C, (N,), generator=g)
            cases.append((logits(g, N, C, scale=1.5), logits(g, N, C, scale=1.5), y, T, alpha, beta))
    return cases


def _parts(s: Tensor, t: Tensor, y: Tensor, T: float) -> tuple[Tensor, Tensor]:
    return distill.decoupled_parts(s, t, y, T)


def _log_probabilities(z: Tensor, T: float) -> Tensor:
    return (z / T).log_softmax(-1)


def _others(z: Tensor, y: Tensor) -> Tensor:
    """The logits of all classes but the label's, (N, C - 1)."""
    chosen = F.one_hot(y, z.shape[1]).bool()
    return z[~chosen].view(len(z), -1)


def _binary(z: Tensor, y: Tensor, T: float) -> Tensor:
    """(log p_y, log(1 - p_y)), stable, (N, 2)."""
    log_p = _log_probabilities(z, T)
    target = log_p.gather(1, y.unsqueeze(1))
    return torch.cat([target, _others(log_p, y).logsumexp(1, keepdim=True)], 1)


def _kl_of_logs(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _dkd_without_the_target(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    t = t.detach()
    target = _kl_of_logs(_binary(t, y, T), _binary(s, y, T))
    rest = _kl_of_logs(_others(t / T, y).log_softmax(-1), _others(s / T, y).log_softmax(-1))
    return T**2 * (a * target + b * rest).mean()


def _dkd_by_torch_function(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    t = t.detach()
    target = F.kl_div(_binary(s, y, T), _binary(t, y, T), reduction="batchmean", log_target=True)
    rest = F.kl_div(F.log_softmax(_others(s, y) / T, 1), F.softmax(_others(t, y) / T, 1), reduction="batchmean")
    return (a * target + b * rest) * T * T


def _dkd_by_row(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    total = torch.zeros(())
    for z_s, z_t, label in zip(s / T, t.detach() / T, y.tolist(), strict=True):
        rest = [c for c in range(len(z_s)) if c != label]
        two_s, two_t = (torch.stack([z[label], z[rest].logsumexp(0)]).log_softmax(0) for z in (z_s, z_t))
        other_s, other_t = (z[rest].log_softmax(0) for z in (z_s, z_t))
        total = total + a * _kl_of_logs(two_t, two_s) + b * _kl_of_logs(other_t, other_s)
    return T**2 * total / len(s)


def _dkd_with_probabilities(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    def target_and_others(z: Tensor) -> tuple[Tensor, Tensor]:
        p, N = (z / T).softmax(-1), torch.arange(len(z))
        return torch.stack([p[N, y], 1 - p[N, y]], 1), _others(p, y) / (1 - p[N, y]).unsqueeze(1)

    (two_s, rest_s), (two_t, rest_t) = target_and_others(s), target_and_others(t.detach())
    target, rest = (two_t * (two_t / two_s).log()).sum(1), (rest_t * (rest_t / rest_s).log()).sum(1)
    return T**2 * (a * target + b * rest).mean()


def _dkd_with_a_constant(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    t, target = t.detach(), F.one_hot(y, s.shape[1])
    first = _kl_of_logs(_binary(t, y, T), _binary(s, y, T))
    rest = _kl_of_logs((t / T - 1000 * target).log_softmax(1), (s / T - 1000 * target).log_softmax(1))
    return T**2 * (a * first + b * rest).mean()


def _dkd_with_the_teacher(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    target = _kl_of_logs(_binary(t, y, T), _binary(s, y, T))
    rest = _kl_of_logs(_others(t / T, y).log_softmax(-1), _others(s / T, y).log_softmax(-1))
    return T**2 * (a * target + b * rest).mean()


def _coupled(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    target, rest = _parts(s, t, y, T)
    p_t = (t / T).softmax(-1).gather(1, y.unsqueeze(1)).squeeze(1)
    return (a * target + b * (1 - p_t) * rest).mean()


def _target_term_alone(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    log_t, log_s = (_binary(z, y, T)[:, 0] for z in (t.detach(), s))
    return (a * T**2 * log_t.exp() * (log_t - log_s) + b * _parts(s, t, y, T)[1]).mean()


def _swapped_dkd(s: Tensor, t: Tensor, y: Tensor, T: float, a: float, b: float) -> Tensor:
    t = t.detach()
    target = _kl_of_logs(_binary(s, y, T), _binary(t, y, T))
    rest = _kl_of_logs(_others(s / T, y).log_softmax(-1), _others(t / T, y).log_softmax(-1))
    return T**2 * (a * target + b * rest).mean()


def _weighed(a: float, target: Tensor, b: float, rest: Tensor) -> Tensor:
    return a * target + b * rest


def _equals_kd_where_it_should(f: Solution, g: Generator) -> bool:
    s, t, y = logits(g, 1, 5), logits(g, 1, 5), torch.tensor([2])
    share = 1 - (t / 2).softmax(-1)[0, 2].item()
    return near(f(s, t, y, 2.0, 1.0, share), distill.kd_loss(s, t, 2.0), 1e-3)


def _right_for_a_margin(f: Solution, margin: float) -> bool:
    """Both sure of class 0 by the margin, and at odds about the other two by 2: only the non-target part is left."""
    s, t = torch.tensor([[margin, 0.0, 2.0]]).requires_grad_(), torch.tensor([[margin, 2.0, 0.0]])
    loss = f(s, t, torch.tensor([0]), 1.0, 1.0, 1.0)
    loss.backward()
    p = torch.tensor([2.0, 0.0]).softmax(0)
    finite = s.grad is not None and bool(s.grad.isfinite().all())
    return finite and near(loss, 2 * (p[0] - p[1]))


_LABELS = torch.tensor([0, 1, 2, 1])

dkd_loss = Exercise(
    reference=_dkd_loss,
    inputs=_dkd_cases,
    example=(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[0.0, math.log(2), 0.0]]), torch.tensor([0]), 1.0, 1.0, 8.0),
    observe=value_and_gradient,
    laws=[
        trains(_LABELS, 2.0, 1.0, 8.0),
        Law("is right for margins of 200 too", lambda f, g: _right_for_a_margin(f, 200.0),
            "There 1 - p is exactly 0 in float32 and its logarithm -inf. Compute log(1 - p) from the other logits.", edge=True),
        Law("is zero when student and teacher agree",
            lambda f, g: near(f(z := logits(g, 4, 5), z, _LABELS, 2.0, 1.0, 8.0), 0.0), "Nothing is left to learn there."),
        Law("is the KD loss for one sample with α = 1 and β = 1 - p_t(y)", _equals_kd_where_it_should,
            "That is the identity the decoupling starts from."),
        Law("does not depend on β with two classes",
            lambda f, g: near(f(s := logits(g, 4, 2), t := logits(g, 4, 2), _LABELS % 2, 2.0, 1.0, 8.0),
                               f(s, t, _LABELS % 2, 2.0, 1.0, 1.0)),
            "Then one class is left beside the target, and it has all of the rest."),
        Law("is right for margins of 10,000 too", lambda f, g: _right_for_a_margin(f, 1e4),
            "There a constant such as 1000 is not enough to rule the target out: leave its logit out, or set it to -inf.",
            edge=True),
        spares_the_teacher(_LABELS, 2.0, 1.0, 8.0),
    ],
    mistakes=[
        Mistake("no T²", lambda s, t, y, T, a, b: distill.dkd_loss(s, t, y, T, a, b) / T**2,
                "Your value is smaller by exactly T². Both parts carry it, as the KD loss does."),
        Mistake("α and β exchanged", lambda s, t, y, T, a, b: distill.dkd_loss(s, t, y, T, b, a),
                "You weigh the target part by β and the others by α. α belongs to the target part."),
        Mistake("the teacher's guess for the label", lambda s, t, y, T, a, b: distill.dkd_loss(s, t, t.argmax(-1), T, a, b),
                "You split at the class that the teacher finds likeliest. The target is the label's class, also where the "
                "teacher is wrong."),
        Mistake("weighed by what the target leaves", _coupled,
                "You weigh the non-target part of each sample by 1 - p_t(y). That is the coupling of plain KD; decoupled means "
                "that β takes its place."),
        Mistake("others not renormalised",
                lambda s, t, y, T, a, b: _weighed(a, _parts(s, t, y, T)[0], b, T**2 * (
                    _others((t.detach() / T).softmax(1), y)
                    * (_others(_log_probabilities(t.detach(), T), y) - _others(_log_probabilities(s, T), y))).sum(1)).mean(),
                "Your other classes still share 1 - p_y. In the non-target part they are a distribution of their own: a "
                "softmax over them alone."),
        Mistake("target without its complement", _target_term_alone,
                "Your target part has one term. It is the divergence of two distributions over two outcomes, target or not: "
                "the term of 1 - p_y belongs to it."),
        Mistake("target part only", lambda s, t, y, T, a, b: a * _parts(s, t, y, T)[0].mean(),
                "The non-target part, weighed by β, is missing."),
        Mistake("directions swapped", _swapped_dkd,
                "Both divergences run from the student to the teacher. The expectation is under the teacher."),
        Mistake("summed over the batch", lambda s, t, y, T, a, b: distill.dkd_loss(s, t, y, T, a, b) * len(s),
                "Your value grows with the batch. Average over the samples."),
        Mistake("teacher in the graph", _dkd_with_the_teacher, TEACHER_IN_THE_GRAPH),
        Mistake("one minus the probability", _dkd_with_probabilities,
                "Right for ordinary logits. Once the target leads by about 17, 1 - p is exactly 0 and its logarithm "
                "infinite. Compute log(1 - p) from the other logits, with logsumexp."),
        Mistake("a constant for the target", _dkd_with_a_constant,
                "Right as long as no logit exceeds the others by 1000, the constant you subtract at the target. Leave the "
                "target's logit out instead, or set it to -inf."),
    ],
    styles={
        "without the target's column": _dkd_without_the_target,
        "F.kl_div": _dkd_by_torch_function,
        "row by row": _dkd_by_row,
        "from its parts": lambda s, t, y, T, a, b: sum(w * part.mean() for w, part in zip((a, b), _parts(s, t, y, T), strict=True)),
    },
    hints=(
        "Two divergences. One compares (p_y, 1 - p_y) of teacher and student; the other compares how they spread what is left "
        "over the other classes.",
        "log(1 - p_y) is the logsumexp of the other classes' log-probabilities. The second distribution is a softmax over "
        "the logits of the others alone.",
        "F.one_hot(labels, C).bool() marks the targets; z[~mask].view(N, C - 1) holds the other logits. Both KL terms are "
        "summed over classes, weighed, averaged over samples and multiplied by T².",
    ),
)  # fmt: skip
