"""What is made of a teacher's answers: entropy_weights, topk_targets, sparse_kd_loss."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.units.unit_04_teachers_and_regimes.common import near, with_gradients

# --- entropy_weights ------------------------------------------------------------------------------------------------


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


# --- topk_targets ---------------------------------------------------------------------------------------------------


def _topk_targets(teacher_logits: Tensor, k: int, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    targets = distill.topk_targets(teacher_logits, k, temperature)
    return targets.classes.long(), targets.probs, targets.rest


def _rows_and_k(g: Generator) -> list[tuple[Any, ...]]:
    shapes = [(4, 7, 3), (2, 3, 2), (5, 5, 1), (3, 10, 4), (3, 4, 4)]
    return [(logits(g, N, C), k, T) for N, C, k in shapes for T in (2.0, 1.0, 4.0)]


def _all_classes(f: Solution, g: Generator) -> bool:
    z = logits(g, 4, 6)
    classes, probs, rest = f(z, 6, 2.0)
    return near(torch.zeros(4, 6).scatter(1, classes, probs), distill.soften(z, 2.0)) and near(rest, torch.zeros(4))


def _huge_row(f: Solution, g: Generator) -> bool:
    classes, probs, rest = f(torch.tensor([[1e4, 0.0, -1e4]]), 1, 1.0)
    return classes.tolist() == [[0]] and near(probs, torch.ones(1, 1)) and near(rest, torch.zeros(1))


def _nothing_lost(f: Solution, g: Generator) -> bool:
    _, probs, rest = f(logits(g, 5, 8), 3, 2.0)
    return near(probs.sum(-1) + rest, torch.ones(5))


def _no_gradient_in_targets(f: Solution, g: Generator) -> bool:
    return not any(part.requires_grad for part in f(logits(g, 4, 5).requires_grad_(), 2, 2.0))


def _kept(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    probs, classes = (z.detach() / T).softmax(-1).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _changed(change: Any) -> Any:
    return lambda z, k, T: change(*_kept(z, k, T), z.detach(), k, T)


def _in_the_graph(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    probs, classes = (z / T).softmax(-1).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _overflowing(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    powers = (z.detach() / T).exp()
    probs, classes = (powers / powers.sum(-1, keepdim=True)).topk(k, dim=-1)
    return classes, probs, 1 - probs.sum(-1)


def _by_sorting(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    probs, classes = torch.sort(torch.softmax(z.detach() / T, -1), dim=-1, descending=True)
    return classes[:, :k], probs[:, :k], probs[:, k:].sum(-1)


def _by_argsort(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor, Tensor]:
    with torch.no_grad():
        order = z.argsort(dim=1, descending=True)[:, :k]
        p = (z / T).log_softmax(1).exp()
        return order, p.gather(1, order), p.scatter(1, order, 0.0).sum(1)


def _row_for_row(z: Tensor, k: int, T: float) -> list[Tensor]:
    found = [torch.topk((row / T).softmax(0), k) for row in z.detach()]
    probs = torch.stack([row.values for row in found])
    return [torch.stack([row.indices for row in found]), probs, torch.ones(len(z)) - probs.sum(1)]


topk_targets = Exercise(
    reference=_topk_targets,
    inputs=_rows_and_k,
    example=(torch.tensor([[0.0, 4.0, 2.0]]), 2, 2.0),
    laws=[
        Law("loses no mass: kept and rest together are 1", _nothing_lost, "What is not kept is the rest."),
        Law("keeps the whole distribution for k = C", _all_classes, "With every class kept nothing is left over."),
        Law("is right for logits of 10,000 too", _huge_row, "exp(10000) overflows; torch's softmax does not.", edge=True),
        Law("gives the teacher no gradient", _no_gradient_in_targets, "What is stored carries no graph: detach the logits."),
    ],
    mistakes=[
        Mistake("temperature unused", _changed(lambda c, p, r, z, k, T: _kept(z, k, 1.0)),
                "Your probabilities are those at temperature 1. Soften before you keep."),
        Mistake("renormalised", _changed(lambda c, p, r, z, k, T: (c, p / p.sum(-1, keepdim=True), r)),
                "You divide the kept probabilities by their sum. Then the teacher looks surer than it is; keep them as they are "
                "and report the missing mass."),
        Mistake("softmax of the kept logits", _changed(lambda c, p, r, z, k, T: (c, (z.gather(1, c) / T).softmax(-1), torch.zeros(len(z)))),
                "You take the softmax over the kept logits only: the classes left out vanish, and the rest is 0 always."),
        Mistake("no rest", _changed(lambda c, p, r, z, k, T: (c, p)),
                "Two things are returned. The third is the mass of all classes that were left out."),
        Mistake("rest is the kept mass", _changed(lambda c, p, r, z, k, T: (c, p, 1 - r)),
                "Your rest is the mass that was kept. It should be what is missing to 1."),
        Mistake("rest of the batch", _changed(lambda c, p, r, z, k, T: (c, p, r.sum())),
                "Your rest is one number for the batch. Every row has its own."),
        Mistake("least probable kept", _changed(lambda c, p, r, z, k, T: (q := distill.soften(z, T).topk(k, largest=False)) and (q.indices, q.values, 1 - q.values.sum(-1))),
                "You keep the smallest probabilities. The most probable classes are wanted."),
        Mistake("logits kept", _changed(lambda c, p, r, z, k, T: (c, z.gather(1, c), r)),
                "You keep logits. A logit means nothing without the others of its row; keep probabilities."),
        Mistake("log-probabilities kept", _changed(lambda c, p, r, z, k, T: (c, p.log(), r)),
                "You keep log-probabilities: they are negative. Probabilities are wanted."),
        Mistake("values before classes", _changed(lambda c, p, r, z, k, T: (p, c, r)),
                "torch.topk returns values first and indices second; the classes are to come first here."),
        Mistake("teacher in the graph", _in_the_graph,
                "The values are right, but they still carry the teacher's graph: stored, it would be kept alive with them."),
        Mistake("overflow", _overflowing,
                "Right for ordinary logits; for a logit of 10,000 exp overflows. torch's softmax does not."),
    ],
    styles={"a sort": _by_sorting, "gather and scatter": _by_argsort, "row for row": _row_for_row},
    hints=(
        "Soften the whole row first. Only then choose.",
        "torch.topk returns the largest values of each row, largest first, and their positions.",
        "The positions are the classes, the values the probabilities, and 1 minus the sum of the values is the rest.",
    ),
)  # fmt: skip


# --- sparse_kd_loss -------------------------------------------------------------------------------------------------


def _stored(
    classes: Tensor, probs: Tensor, rest: Tensor, C: int, T: float, missing: Any = "rest"
) -> distill.SparseTargets:
    return distill.SparseTargets(classes, probs, rest, C, float(T), missing)


def _sparse_kd_loss(student_logits: Tensor, classes: Tensor, probs: Tensor, rest: Tensor, temperature: float) -> Tensor:
    return distill.sparse_kd_loss(student_logits, _stored(classes, probs, rest, student_logits.shape[1], temperature))


def _students_and_targets(g: Generator) -> list[tuple[Any, ...]]:
    shapes = [(4, 7, 3), (2, 3, 2), (5, 5, 1), (3, 10, 4)]
    return [(logits(g, N, C), *_kept(logits(g, N, C), k, T), T) for N, C, k in shapes for T in (2.0, 1.0, 4.0)]


def _sparse_with_gradient(f: Solution, s: Tensor, *targets: Any) -> dict[str, Any]:
    s = s.detach().requires_grad_()
    return with_gradients(f(s, *targets), [s])


def _zero_at_the_teacher(f: Solution, g: Generator) -> bool:
    z = logits(g, 4, 6)
    return near(f(z, *_kept(z, 2, 2.0), 2.0), 0.0)


def _below_the_full_loss(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 6, 8), logits(g, 6, 8)
    values = [float(f(s, *_kept(t, k, 2.0), 2.0)) for k in (1, 2, 4, 7)]
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
