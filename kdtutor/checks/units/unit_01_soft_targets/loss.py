"""The distillation loss: with its T², through a teacher that is fixed."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logit_pairs, logits
from kdtutor.checks.near import near


def _kd_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return distill.kd_loss(student_logits, teacher_logits, temperature)


def _value_and_gradients(f: Solution, s: Tensor, t: Tensor, T: float) -> dict[str, Tensor]:
    s = s.detach().requires_grad_()
    loss = f(s, t, T)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
        return {"value": loss}
    return {"value": loss, "gradient": torch.autograd.grad(loss, s)[0]}


def _teacher_gets_no_gradient(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 4, 5).requires_grad_(), logits(g, 4, 5).requires_grad_()
    f(s, t, 2.0).backward()
    return t.grad is None or bool((t.grad == 0).all())


def _right_for_huge_logits(f: Solution, g: Generator) -> bool:
    """A student that is sure of the wrong class: the loss is the distance of the logits, the gradient 1 and -1."""
    s = torch.tensor([[1e4, 0.0]]).requires_grad_()
    loss = f(s, torch.tensor([[0.0, 1e4]]), 1.0)
    loss.backward()
    return near(loss.detach(), 1e4) and s.grad is not None and near(s.grad, torch.tensor([[1.0, -1.0]]))


def _kl_mean(s: Tensor, t: Tensor, T: float) -> Tensor:
    return F.kl_div(F.log_softmax(s / T, -1), F.softmax(t.detach() / T, -1), reduction="mean") * T**2


def _explicit_kd(s: Tensor, t: Tensor, T: float) -> Tensor:
    p_t, p_s = torch.softmax(t.detach() / T, -1), torch.softmax(s / T, -1)
    return T**2 * (p_t * (p_t.log() - p_s.log())).sum(-1).mean()


def _teacher_in_the_graph(s: Tensor, t: Tensor, T: float) -> Tensor:
    log_t, log_s = (t / T).log_softmax(-1), (s / T).log_softmax(-1)
    return T**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()


def by_difference(s: Tensor, t: Tensor, T: float) -> Tensor:
    """The distillation loss of (N, C) logits, written as a difference of log-probabilities."""
    with torch.no_grad():
        log_t = torch.log_softmax(t / T, dim=1)
    log_s = torch.log_softmax(s / T, dim=1)
    return T * T * torch.sum(log_t.exp() * (log_t - log_s)) / s.size(0)


def _by_torch_function(s: Tensor, t: Tensor, T: float) -> Tensor:
    return F.kl_div((s / T).log_softmax(1), (t.detach() / T).softmax(1), reduction="batchmean") * T**2


def _by_log_target(s: Tensor, t: Tensor, T: float) -> Tensor:
    with torch.no_grad():
        target = F.log_softmax(t / T, dim=-1)
    return F.kl_div(F.log_softmax(s / T, dim=-1), target, reduction="sum", log_target=True) * T**2 / len(s)


def _row_by_row(s: Tensor, t: Tensor, T: float) -> Tensor:
    total = torch.zeros(())
    for student_row, teacher_row in zip(s / T, t.detach() / T, strict=True):
        log_q, log_p = student_row - student_row.logsumexp(0), teacher_row - teacher_row.logsumexp(0)
        total = total + (log_p.exp() * (log_p - log_q)).sum()
    return T**2 * total / s.shape[0]


kd_loss = Exercise(
    reference=_kd_loss,
    inputs=logit_pairs(shapes=[(4, 7), (1, 2), (5, 5), (8, 10)], temperatures=[1.0, 2.0, 4.0]),
    example=(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 2.0),
    observe=_value_and_gradients,
    laws=[
        Law("can be trained through", lambda f, g: f(logits(g, 2, 3).requires_grad_(), logits(g, 2, 3), 2.0).requires_grad,
            "The loss has lost its graph: .item(), .detach() or no_grad cut the student off."),
        Law("is zero when student and teacher agree", lambda f, g: near(f(z := logits(g, 4, 5), z, 2.0), 0.0),
            "A student that equals its teacher has nothing to learn."),
        Law("does not change when a row of logits is shifted",
            lambda f, g: near(f((s := logits(g, 4, 5)) + 3, t := logits(g, 4, 5), 2.0), f(s, t, 2.0), 1e-3),
            "Logits matter only by their differences within a row."),
        Law("is right for logits of 10,000 too", _right_for_huge_logits,
            "There softmax(z) in two steps with a logarithm becomes log(0), and what is clamped loses its gradient. torch has both "
            "steps in one.", edge=True),
        Law("gives the teacher no gradient", _teacher_gets_no_gradient,
            "The teacher is fixed: what comes from it must not carry a gradient back to it."),
    ],
    mistakes=[
        Mistake("no T²", lambda s, t, T: distill.kd_loss(s, t, T) / T**2,
                "Your value is smaller by exactly T². Without that factor the teacher's pull fades as T grows: see the "
                "gradient figure below."),
        Mistake("T instead of T²", lambda s, t, T: distill.kd_loss(s, t, T) / T,
                "Your value is smaller by exactly T. How does the gradient shrink with T, once for the logits and once more?"),
        Mistake("directions swapped", lambda s, t, T: distill.kd_loss(s, t.detach(), T, direction="reverse"),
                "Your value is the divergence from the student to the teacher. Which of the two distributions is the "
                "expectation taken under?"),
        Mistake("averaged over classes", _kl_mean,
                "Your value is C times too small: `mean` divides by every entry, classes too. Sum over the classes, average "
                "over the batch."),
        Mistake("summed over the batch", lambda s, t, T: distill.kd_loss(s, t, T, reduction="sum"),
                "Your value grows with the batch. Average over the samples, or the learning rate depends on the batch size."),
        Mistake("one loss a sample", lambda s, t, T: distill.kd_loss(s, t, T, reduction="none"),
                "You return one value a sample. The loss is their mean."),
        Mistake("cross-entropy", lambda s, t, T: -T**2 * (distill.soften(t.detach(), T) * (s / T).log_softmax(-1)).sum(-1).mean(),
                "Your value is the cross-entropy of soft targets. Its gradient is right; its value is not 0 at the optimum, "
                "because the teacher's entropy is still in it."),
        Mistake("student not softened", lambda s, t, T: T**2 * distill.kl_divergence(distill.soften(t.detach(), T), s.softmax(-1)).mean(),
                "You soften the teacher alone. Both distributions are compared at the same temperature."),
        Mistake("teacher not softened", lambda s, t, T: T**2 * distill.kl_divergence(t.detach().softmax(-1), distill.soften(s, T)).mean(),
                "You soften the student alone. Both distributions are compared at the same temperature."),
        Mistake("log of softmax", _explicit_kd,
                "Right for ordinary logits. For large ones softmax gives exactly 0 and its logarithm -inf: the loss becomes "
                "NaN. Take the logarithm and the softmax in one function."),
        Mistake("teacher in the graph", _teacher_in_the_graph,
                "The value is right, but a gradient flows back into the teacher. It is fixed: detach its logits."),
        Mistake("probabilities for log-probabilities",
                lambda s, t, T: T**2 * F.kl_div((s / T).softmax(-1), (t.detach() / T).softmax(-1), reduction="batchmean"),
                "F.kl_div expects the student's log-probabilities first; you gave it probabilities."),
    ],
    styles={
        "F.kl_div": _by_torch_function,
        "F.kl_div with log targets": _by_log_target,
        "difference of log-probabilities": by_difference,
        "row by row": _row_by_row,
    },
    hints=(
        "Three steps: soften both, compare them by KL from the teacher to the student, scale by T².",
        "Use log_softmax for both, at logits / T. KL is the sum over classes of p_t · (log p_t - log p_s); then average "
        "over the batch.",
        "Detach the teacher's logits first. F.kl_div takes the student's log-probabilities and the teacher's "
        "probabilities, and one of its reductions divides by the batch alone.",
    ),
)  # fmt: skip
