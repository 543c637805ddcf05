"""Between the two directions: a divergence from a mixture."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_10_language.shared import (
    SHAPES,
    Case,
    Generator,
    forward_terms,
    pair,
    reverse_terms,
    teacher_is_left_alone,
    value_and_gradient,
)


def _generalized_js(student_logits: Tensor, teacher_logits: Tensor, beta: float = 0.5) -> Tensor:
    return distill.generalized_js(student_logits, teacher_logits, beta)


def _cases(g: Generator) -> list[Case]:
    return [(*pair(g, *shape), beta) for shape in SHAPES for beta in (0.5, 0.2, 0.9, 0.0, 1.0)]


def _forward(student: Tensor, teacher: Tensor) -> Tensor:
    return forward_terms(student, teacher).sum(-1).mean()


def _reverse(student: Tensor, teacher: Tensor) -> Tensor:
    return reverse_terms(student, teacher).sum(-1).mean()


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _made_of(
    mixed: float | None = None, weighed: float | None = None, exchanged: bool = False, inward: bool = False
) -> Solution:
    """With another share in the mixture or before the terms (-1: 1 - β), the ends exchanged, or KL(m ‖ p)."""

    def share(of: float | None, beta: float) -> float:
        return beta if of is None else 1 - beta if of < 0 else of

    def divergence(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
        if beta in (0, 1):
            return (_forward if (beta == 0) != exchanged else _reverse)(student, teacher)
        log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
        inside, outside = share(mixed, beta), share(weighed, beta)
        log_m = (inside * log_t.exp() + (1 - inside) * log_s.exp()).log()
        of_t, of_s = (_kl(log_m, z) if inward else _kl(z, log_m) for z in (log_t, log_s))
        return (outside * of_t + (1 - outside) * of_s).mean()

    return divergence


def _by_formula_alone(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    log_m = (beta * log_t.exp() + (1 - beta) * log_s.exp()).log()
    return (beta * _kl(log_t, log_m) + (1 - beta) * _kl(log_s, log_m)).mean()


def _mean_of_both(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    return (1 - beta) * _forward(student, teacher) + beta * _reverse(student, teacher)


def _mixed(student: Tensor, teacher: Tensor, beta: float, log_m: Tensor) -> Tensor:
    if beta in (0, 1):
        return _generalized_js(student, teacher, beta)
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    return (beta * _kl(log_t, log_m) + (1 - beta) * _kl(log_s, log_m)).mean()


def _mixed_logits(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    return _mixed(student, teacher, beta, (beta * teacher.detach() + (1 - beta) * student).log_softmax(-1))


def _mixed_logarithms(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    return _mixed(student, teacher, beta, beta * log_t + (1 - beta) * log_s)


def _constant_mixture(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    """The mixture is what minimises the sum, so its own part of the gradient is 0."""
    mixture = beta * teacher.softmax(-1) + (1 - beta) * student.softmax(-1)
    return _mixed(student, teacher, beta, mixture.detach().log())


def _divided(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    value = _generalized_js(student, teacher, beta)
    return value if beta in (0, 1) else value / (beta * (1 - beta))


def _teacher_in_the_graph(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    log_s, log_t = student.log_softmax(-1), teacher.log_softmax(-1)
    if beta == 0:
        return _kl(log_t, log_s).mean()
    if beta == 1:
        return _kl(log_s, log_t).mean()
    log_m = (beta * log_t.exp() + (1 - beta) * log_s.exp()).log()
    return (beta * _kl(log_t, log_m) + (1 - beta) * _kl(log_s, log_m)).mean()


def _by_entropies(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    """H(m) - β H(p_t) - (1 - β) H(p_s)."""
    if beta in (0, 1):
        return _generalized_js(student, teacher, beta)
    p_s, p_t = student.softmax(-1), teacher.detach().softmax(-1)
    surprise = [torch.special.entr(p).sum(-1) for p in (beta * p_t + (1 - beta) * p_s, p_t, p_s)]
    return (surprise[0] - beta * surprise[1] - (1 - beta) * surprise[2]).mean()


def _by_logaddexp(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    log_s, log_t = student.log_softmax(-1), teacher.detach().log_softmax(-1)
    if beta == 0:
        return _kl(log_t, log_s).mean()
    if beta == 1:
        return _kl(log_s, log_t).mean()
    shares = torch.tensor([beta, 1 - beta]).log()
    log_m = torch.logaddexp(log_t + shares[0], log_s + shares[1])
    return beta * _kl(log_t, log_m).mean() + (1 - beta) * _kl(log_s, log_m).mean()


def _by_kl_div(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    rows_s, rows_t = (z.log_softmax(-1).flatten(0, 1) for z in (student, teacher.detach()))
    if beta == 0:
        return F.kl_div(rows_s, rows_t, reduction="batchmean", log_target=True)
    if beta == 1:
        return F.kl_div(rows_t, rows_s, reduction="batchmean", log_target=True)
    log_m = torch.stack([rows_t + torch.tensor(beta).log(), rows_s + torch.tensor(1 - beta).log()]).logsumexp(0)
    parts = [F.kl_div(log_m, rows, reduction="batchmean", log_target=True) for rows in (rows_t, rows_s)]
    return beta * parts[0] + (1 - beta) * parts[1]


def _symmetric_at_half(f: Solution, g: Generator) -> bool:
    student, teacher = pair(g, 2, 3, 5)
    return near(f(student, teacher, 0.5), f(teacher, student, 0.5))


def _never_above_log_two(f: Solution, g: Generator) -> bool:
    sure = 30 * torch.eye(4)[None]
    return near(f(sure, sure.flip(-1), 0.5), 0.6931472, 1e-3)


generalized_js = Exercise(
    reference=_generalized_js,
    observe=value_and_gradient,
    inputs=_cases,
    example=(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[0.0, 1.0986123]]]), 0.5),
    laws=[
        Law("is zero when student and teacher agree", lambda f, g: near(f(z := pair(g, 2, 3, 6)[0], z.clone(), 0.3), 0.0, 1e-5),
            "Then the mixture is the same distribution again."),
        Law("is the same both ways for β = ½", _symmetric_at_half, "With equal shares nobody can tell student from teacher."),
        Law("is log 2 for two that share no token", _never_above_log_two,
            "The mixture contains half of each, so it is never further away than log 2."),
        Law("gives the teacher no gradient", lambda f, g: teacher_is_left_alone(f, *pair(g, 2, 3, 5), 0.3),
            "The teacher is what the student is measured by. Which method takes a tensor out of the graph?"),
    ],
    mistakes=[
        Mistake("ends left to the formula", _by_formula_alone,
                "Right between the ends. For β = 0 and β = 1 the mixture is one of the two, and the formula gives 0 whatever "
                "the student says. The ends are defined to be the two KLs."),
        Mistake("ends exchanged", _made_of(exchanged=True),
                "Right between the ends. β = 0 is to be the forward divergence and β = 1 the reverse one."),
        Mistake("shares exchanged in the mixture", _made_of(mixed=-1),
                "Your mixture gives β to the student. It is β p_t + (1 - β) p_s."),
        Mistake("shares exchanged before the terms", _made_of(weighed=-1),
                "Your mixture is right; the divergence of the teacher from it counts β, that of the student 1 - β."),
        Mistake("both shares exchanged", _made_of(mixed=-1, weighed=-1),
                "Your β is our 1 - β between the ends. β is the teacher's share."),
        Mistake("always a half", _made_of(mixed=0.5, weighed=0.5), "Between the ends your answer does not depend on β."),
        Mistake("an even mixture", _made_of(mixed=0.5), "Your terms are weighed by β, but your mixture is always half and half."),
        Mistake("divergence from the inside", _made_of(inward=True),
                "You measure the mixture by each model, KL(m ‖ p). It is each model that is measured by the mixture, KL(p ‖ m)."),
        Mistake("a mean of the two KLs", _mean_of_both,
                "You average forward and reverse divergence. No mixture is in it, and it may become arbitrarily large."),
        Mistake("logits mixed", _mixed_logits,
                "You mix logits. Probabilities are mixed: a token that one of the two rules out is still possible in m."),
        Mistake("logarithms mixed", _mixed_logarithms,
                "You mix logarithms of probabilities, which is a geometric mean and sums to less than 1."),
        Mistake("divided by the shares", _divided,
                "You divide by β (1 - β). That makes the ends continuous, and it is another definition than the one asked for."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The values are right, but a gradient reaches the teacher: an optimiser that holds it would move it."),
    ],
    styles={
        "entropy of the mixture": _by_entropies,
        "logaddexp": _by_logaddexp,
        "kl_div on rows": _by_kl_div,
        "mixture held constant": _constant_mixture,
    },
    hints=(
        "Three cases. Two of them are divergences that you have written already.",
        "Mix probabilities, not logits: m = β p_t + (1 - β) p_s. Then two forward divergences, from each model to m.",
        "β Σ p_t (log p_t - log m) + (1 - β) Σ p_s (log p_s - log m), averaged over the tokens.",
    ),
)  # fmt: skip
