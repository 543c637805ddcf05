"""The divergence in the other direction: the student's own probabilities weigh it."""

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


def _reverse_kl(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    z_s, z_t = student_logits.flatten(0, -2), teacher_logits.flatten(0, -2)
    per_token = distill.kd_loss(z_s, z_t, 1.0, direction="reverse", reduction="none")
    return per_token.view(student_logits.shape[:-1])


def _cases(g: Generator) -> list[Case]:
    return [pair(g, *shape) for shape in SHAPES]


def _logs(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return student.log_softmax(-1), teacher.detach().log_softmax(-1)


def _plain(student: Tensor, teacher: Tensor) -> Tensor:
    return reverse_terms(student, teacher).sum(-1)


def _finite_where_both_rule_out(f: Solution, g: Generator) -> bool:
    student, teacher = pair(g, 2, 3, 5)
    ruled_out = torch.cat([z.index_fill(-1, torch.tensor([4]), float("-inf")) for z in (student, teacher)])
    return near(f(*ruled_out.chunk(2)), _plain(student[..., :4], teacher[..., :4]))


def _ignores_what_the_student_never_says(f: Solution, g: Generator) -> bool:
    """A mode of the teacher that the student leaves out costs log 2 and no more."""
    teacher = torch.tensor([[[0.0, 0.0, -40.0]]])
    student = torch.tensor([[[0.0, -40.0, -40.0]]])
    return near(f(student, teacher), torch.tensor([[0.6931472]]), 1e-3)


def _constant_weights(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = _logs(student, teacher)
    return (log_s.exp().detach() * (log_s - log_t)).sum(-1)


def _half_of_it(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = _logs(student, teacher)
    return -(log_s.exp() * log_t).sum(-1)


def _teacher_in_the_graph(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = student.log_softmax(-1), teacher.log_softmax(-1)
    p = log_s.exp()
    return (p * torch.where(p > 0, log_s - log_t, torch.zeros(()))).sum(-1)


def _guarded(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = _logs(student, teacher)
    p = log_s.exp()
    return (p * torch.where(p > 0, log_s - log_t, torch.zeros(()))).sum(-1)


def _with_kl_div(student: Tensor, teacher: Tensor) -> Tensor:
    """kl_div(input, target) is KL(target ‖ input), so the student is the target."""
    possible = ~(student.isneginf() & teacher.isneginf())
    student, teacher = (torch.where(possible, z, torch.full((), -1e4)) for z in (student, teacher))
    log_s, log_t = _logs(student, teacher)
    return F.kl_div(log_t, log_s, reduction="none", log_target=True).sum(-1)


def _by_entropies(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = _logs(student, teacher)
    p = log_s.exp()
    cross = -(p * log_t.masked_fill(p == 0, 0.0)).sum(-1)
    return cross + (p * log_s.masked_fill(p == 0, 0.0)).sum(-1)


reverse_kl = Exercise(
    reference=_reverse_kl,
    observe=value_and_gradient,
    inputs=_cases,
    example=(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[0.0, 1.0986123]]])),
    laws=[
        Law("is zero when student and teacher agree", lambda f, g: near(f(z := pair(g, 2, 3, 6)[0], z.clone()), torch.zeros(2, 3), 1e-5),
            "A divergence of a distribution from itself is 0."),
        Law("forgives a mode that the student leaves out", _ignores_what_the_student_never_says,
            "What the student never says has no weight here, so it costs little to leave out half of what the teacher says."),
        Law("gives the teacher no gradient", lambda f, g: teacher_is_left_alone(f, *pair(g, 2, 3, 5)),
            "The teacher is what the student is measured by. Which method takes a tensor out of the graph?"),
        Law("is finite where both rule a token out", _finite_where_both_rule_out,
            "A logit of -inf says that a token cannot occur. Where neither model can say it, it adds 0, but 0 · (-inf + inf) "
            "is NaN.", edge=True),
    ],
    mistakes=[
        Mistake("forward", lambda s, t: forward_terms(s, t).sum(-1),
                "Your value is the forward divergence: the teacher's probabilities weigh it. Here the student's do."),
        Mistake("weights held constant", _constant_weights,
                "The value is right and the gradient is not: the student's probabilities, which weigh the terms, depend on the "
                "student too. Held constant they leave a gradient of 0, and nothing is learnt."),
        Mistake("entropy forgotten", _half_of_it,
                "You have -Σ p_s log p_t, without the student's entropy. Its minimum is a student that always says the teacher's "
                "likeliest token."),
        Mistake("probabilities not weighed", lambda s, t: (s.log_softmax(-1) - t.detach().log_softmax(-1)).sum(-1),
                "You add up the logarithms of the quotients without weighing them."),
        Mistake("mean over the vocabulary", lambda s, t: _plain(s, t) / s.shape[-1],
                "Your value is V times too small: the vocabulary is summed over."),
        Mistake("one number", lambda s, t: _plain(s, t).mean(),
                "You return one number for everything. One a token is asked for, shape (B, L)."),
        Mistake("sign", lambda s, t: -_plain(s, t), "Your value is negative, and a divergence never is."),
        Mistake("Jensen-Shannon", lambda s, t: distill.kd_loss(
                    s.flatten(0, 1), t.flatten(0, 1), 1.0, direction="js", reduction="none").view(s.shape[:-1]),
                "You compare both with their mixture. Here the student is compared with the teacher itself."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The values are right, but a gradient reaches the teacher: an optimiser that holds it would move it."),
        Mistake("impossible tokens", _plain,
                "Right for finite logits. Where both rule a token out, -inf - (-inf) is NaN, and 0 · NaN stays NaN."),
    ],
    styles={
        "where before the product": _guarded,
        "kl_div with the student as target": _with_kl_div,
        "cross-entropy minus entropy": _by_entropies,
    },
    hints=(
        "Write the forward divergence first, then ask which of the two distributions the expectation is taken under.",
        "Σ p_s (log p_s - log p_t) over the last axis, and nothing is averaged.",
        "torch.where(p_s > 0, log_s - log_t, 0.0) before the product keeps a token that cannot occur from giving NaN.",
    ),
)  # fmt: skip
