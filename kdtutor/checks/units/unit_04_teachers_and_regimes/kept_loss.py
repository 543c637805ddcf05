"""A loss for what was kept of a teacher's answers."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_04_teachers_and_regimes.kept_answers import kept
from kdtutor.checks.units.unit_04_teachers_and_regimes.shared import with_gradients


def _stored(
    classes: Tensor, probs: Tensor, rest: Tensor, C: int, T: float, missing: Any = "rest"
) -> distill.SparseTargets:
    return distill.SparseTargets(classes, probs, rest, C, float(T), missing)


def _sparse_kd_loss(student_logits: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, temperature: float) -> Tensor:
    return distill.sparse_kd_loss(student_logits, _stored(classes, probs, rest, student_logits.shape[1], temperature))


def _students_and_targets(g: Generator) -> list[tuple[Any, ...]]:
    shapes = [(4, 7, 3), (2, 3, 2), (5, 5, 1), (3, 10, 4)]
    return [(logits(g, N, C), *kept(logits(g, N, C), k, T), T) for N, C, k in shapes for T in (2.0, 1.0, 4.0)]


def _sparse_with_gradient(f: Solution, s: Tensor, *targets: Any) -> dict[str, Any]:
    s = s.detach().requires_grad_()
    return with_gradients(f(s, *targets), [s])


def _zero_at_the_teacher(f: Solution, g: Generator) -> bool:
    z = logits(g, 4, 6)
    return near(f(z, *kept(z, 2, 2.0), 2.0), 0.0)


def _below_the_full_loss(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 6, 8), logits(g, 6, 8)
    values = [float(f(s, *kept(t, k, 2.0), 2.0)) for k in (1, 2, 4, 7)]
    full = float(distill.kd_loss(s, t, 2.0))
    return all(low <= high + 1e-4 for low, high in zip(values, [*values[1:], full], strict=True))


def _sure_student(f: Solution, g: Generator) -> bool:
    """A student that is sure of a kept class: s_rest underflows, its logarithm does not."""
    s = torch.tensor([[1e4, 0.0, 0.0]]).requires_grad_()
    loss = f(s, torch.tensor([[0]]), torch.tensor([[0.5]]), torch.tensor([0.5]), 1.0)
    loss.backward()
    return near(loss, 5e3, 1e-3) and s.grad is not None and near(s.grad, torch.tensor([[0.5, -0.25, -0.25]]))


def _parts(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> tuple[Tensor, Tensor, Tensor]:
    """log s of the kept classes, the log of the student's rest, and both terms' sum a row."""
    log_s = (s / T).log_softmax(-1)
    log_kept = log_s.gather(1, classes)
    log_rest = log_s.scatter(1, classes, -torch.inf).logsumexp(-1)
    kept = (torch.xlogy(probs, probs) - probs * log_kept).sum(-1)
    return log_kept, log_rest, kept + torch.xlogy(rest, rest) - rest * log_rest


def _otherwise(change: Any) -> Any:
    """The loss of one row, changed: change(log_kept, log_rest, row, p, r, T), averaged and times T²."""
    return lambda s, c, p, r, T: T**2 * change(*_parts(s, c, p, r, T), p, r, T).mean()


def _by_probabilities(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    q = (s / T).softmax(-1)
    kept = q.gather(1, classes)
    row = (probs * (probs / kept).log()).sum(-1) + rest * (rest / (1 - kept.sum(-1))).log()
    return T**2 * row.mean()


def _first_columns(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    places = torch.arange(classes.shape[1]).expand_as(classes)
    return _sparse_kd_loss(s, places, probs, rest, T)


def _reversed_divergence(log_kept: Tensor, log_rest: Tensor, row: Tensor, p: Tensor, r: Tensor, T: float) -> Tensor:
    return (log_kept.exp() * (log_kept - p.log())).sum(-1) + log_rest.exp() * (log_rest - r.log())


def _spread(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    return distill.sparse_kd_loss(s, _stored(classes, probs, rest, s.shape[1], T, "spread"))


def _with_a_bucket(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    """C classes become k + 1: the kept ones and a bucket."""
    u = s / T
    kept = u.gather(1, classes)
    others = u.scatter(1, classes, -torch.inf).logsumexp(1, keepdim=True)
    log_q = torch.cat([kept, others], 1).log_softmax(1)
    p = torch.cat([probs, rest.unsqueeze(1)], 1)
    return T * T * (torch.special.xlogy(p, p) - p * log_q).sum() / len(s)


def _with_a_mask(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    log_s = torch.log_softmax(s / T, dim=1)
    is_kept = torch.zeros_like(log_s, dtype=torch.bool).scatter(1, classes, True)
    p = torch.zeros_like(log_s).scatter(1, classes, probs)
    log_rest = torch.logsumexp(log_s.masked_fill(is_kept, float("-inf")), 1)
    cross = -(p * log_s).sum(1) - rest * log_rest
    entropy = torch.special.entr(probs).sum(1) + torch.special.entr(rest)
    return T**2 * (cross - entropy).mean()


def _sample_by_sample(s: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, T: float) -> Tensor:
    total = torch.zeros(())
    for row, c, p, r in zip(s / T, classes, probs, rest, strict=True):
        log_q = row.log_softmax(0)
        left = [i for i in range(len(row)) if i not in c.tolist()]
        total = total + (p * (p.log() - log_q[c])).sum()
        if left and r > 0:
            total = total + r * (r.log() - log_q[left].logsumexp(0))
    return T**2 * total / len(s)


_ONE_ROW = (torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[1]]), torch.tensor([[0.5]]), torch.tensor([0.5]), 1.0)

sparse_kd_loss = Exercise(
    reference=_sparse_kd_loss,
    inputs=_students_and_targets,
    example=_ONE_ROW,
    observe=_sparse_with_gradient,
    laws=[
        Law("is zero when the student agrees with the teacher", _zero_at_the_teacher,
            "A student that equals its teacher has the same rest, too."),
        Law("never exceeds the loss on the full rows, and grows with k", _below_the_full_loss,
            "Merging classes never makes two distributions easier to tell apart."),
        Law("is right for a student that is sure of a kept class", _sure_student,
            "1 minus the kept probabilities is exactly 0 there and its logarithm -inf. The logarithm of a sum of exponentials "
            "of log-probabilities stays finite.", edge=True),
    ],
    mistakes=[
        Mistake("rest left out", _otherwise(lambda lk, lr, row, p, r, T: (torch.xlogy(p, p) - p * lk).sum(-1)),
                "Only the kept classes count in your value, so it can become negative and bounds nothing. The rest is one more "
                "class."),
        Mistake("renormalised", lambda s, c, p, r, T: distill.sparse_kd_loss(s, _stored(c, p / p.sum(-1, keepdim=True), torch.zeros_like(r), s.shape[1], T, "renormalise")),
                "You divide the kept probabilities by their sum: the student is asked to give nothing to any other class."),
        Mistake("rest shared equally", _spread,
                "You share the rest equally among the other classes. That asks more of the student than the teacher said; compare "
                "the rest with the student's whole rest."),
        Mistake("no T²", lambda s, c, p, r, T: _sparse_kd_loss(s, c, p, r, T) / T**2,
                "Your value is smaller by exactly T²."),
        Mistake("student not softened", lambda s, c, p, r, T: T**2 * _sparse_kd_loss(s, c, p, r, 1.0),
                "The targets were softened, the student is not."),
        Mistake("rest as cross-entropy", _otherwise(lambda lk, lr, row, p, r, T: (torch.xlogy(p, p) - p * lk).sum(-1) - r * lr),
                "The rest's term lacks r log r, so the loss is not 0 where student and teacher agree."),
        Mistake("cross-entropy", _otherwise(lambda lk, lr, row, p, r, T: -(p * lk).sum(-1) - r * lr),
                "Your value is a cross-entropy: its gradient is right, but it is not 0 where student and teacher agree."),
        Mistake("places for classes", _first_columns,
                "You read the student's first k columns. Which column belongs to a stored probability is what `classes` says."),
        Mistake("summed over the batch", lambda s, c, p, r, T: len(s) * _sparse_kd_loss(s, c, p, r, T),
                "Your value grows with the batch. Average over the samples."),
        Mistake("averaged over the classes", _otherwise(lambda lk, lr, row, p, r, T: row / (p.shape[-1] + 1)),
                "You divide by the number of kept classes. The divergence is a sum over them."),
        Mistake("directions swapped", _otherwise(_reversed_divergence),
                "Your value is the divergence from the student to the teacher."),
        Mistake("one minus the kept", _by_probabilities,
                "Right for ordinary logits. For a student that is sure, 1 minus its kept probabilities is 0 and the loss infinite: "
                "stay with logarithms and use logsumexp."),
    ],
    styles={"one more class": _with_a_bucket, "a mask": _with_a_mask, "sample by sample": _sample_by_sample},
    hints=(
        "The kept classes and the rest together are a distribution of k + 1 outcomes. Make the same one from the student and "
        "take the divergence.",
        "gather picks the student's log-probabilities of the kept classes. For its rest, put -inf in those places and take "
        "logsumexp over the row.",
        "Per row: the sum of p (log p - log s) over the kept, plus r (log r - log s_rest). Then the mean over the rows, "
        "times T².",
    ),
)  # fmt: skip
